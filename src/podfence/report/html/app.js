// The page: its views, what is selected and in focus, the keyboard, the theme. The address keeps the state, so that
// a link to the file opens what its sender saw.

import { Cluster, nameOf } from "./data.js";
import { Changes } from "./changes.js";
import { Degrees } from "./degrees.js";
import { detail } from "./detail.js";
import { h, mobile, replace, say } from "./dom.js";
import { Exposed } from "./exposed.js";
import { Focus } from "./focus.js";
import { Islands } from "./islands.js";
import { Matrix } from "./matrix.js";
import { searchBox } from "./search.js";
import { Table } from "./table.js";

class Page {
  constructor(data) {
    this.data = data;
    this.cluster = new Cluster(data.picture);
    this.degrees = new Degrees(this.cluster);
    this.noun = data.noun;
    this.changes = data.changes ? new Changes(this, data.changes) : null;
    this.views = [
      ...(this.changes ? [["changes", "Changes", this.changes]] : []),
      ["map", "Map", new Islands(this)],
      ["focus", "Focus", new Focus(this)],
      ["exposed", "Exposed", new Exposed(this)],
      ["matrix", "Matrix", new Matrix(this)],
      ["table", "Table", new Table(this)],
    ];
    this.hint = `Choose a workload or a connection to see which policies decide. Keys: / searches, 1 to ${this.views.length} change the view, t turns the colours, Esc goes back.`;
    this.view = this.views[0][0];
    this.focus = null;
    this.depth = 1;
    this.selected = null;
  }

  start() {
    const root = document.getElementById("app");
    if (this.changes) root.dataset.changes = "";
    this.tabs = h("nav", { "aria-label": "Views" });
    this.main = h("main", { id: "main", tabindex: "-1" });
    this.side = h("aside", { "aria-label": "Details", "aria-live": "polite" });
    root.append(
      h(
        "a",
        {
          class: "skip",
          href: "#main",
          onclick: (event) => {
            event.preventDefault();
            this.main.focus();
          },
        },
        "Skip to the picture",
      ),
      h(
        "header",
        {},
        h("div", { class: "title" }, h("h1", {}, this.data.title), h("p", { class: "answer" }, this.data.summary)),
        searchBox(this),
        this.tabs,
        this.themeButton(),
      ),
      h("div", { class: "body" }, this.main, this.side),
      h("div", { id: "said", class: "hidden", role: "status", "aria-live": "polite" }),
    );
    window.addEventListener("hashchange", () => {
      this.read();
      this.redraw();
    });
    document.addEventListener("keydown", (event) => this.key(event));
    this.read();
    if (!location.hash && this.data.focus) {
      this.view = "focus";
      this.focus = this.cluster.byId.get(this.data.focus) ?? null;
      this.depth = this.data.depth ?? 1;
      this.selected = this.startOf(this.focus);
    }
    if (!location.hash && this.data.view) this.view = this.data.view;
    this.redraw();
  }

  redraw() {
    replace(
      this.tabs,
      this.views.map(([name, title], index) =>
        h(
          "button",
          {
            "aria-current": this.view === name ? "page" : null,
            "data-key": `view ${name}`,
            title: `Press ${index + 1}`,
            onclick: () => this.go({ view: name }),
          },
          title,
        ),
      ),
    );
    this.main.className = `view-${this.view}`;
    this.views.find(([name]) => name === this.view)[2].draw(this.main);
    replace(this.side, detail(this));
    this.side.classList.toggle("filled", Boolean(this.selected));
  }

  go(change) {
    Object.assign(this, change);
    this.write();
    this.redraw();
    if (change.view) say(`${this.views.find(([name]) => name === this.view)[1]} shown`);
  }

  focusOn(endpoint) {
    this.go({ view: "focus", focus: endpoint, selected: this.startOf(endpoint) });
    say(`${nameOf(endpoint)} in focus`);
  }

  select(selected) {
    this.selected = selected;
    replace(this.side, detail(this));
    this.side.classList.add("filled");
    const view = this.views.find(([name]) => name === this.view)[2];
    if (view.lines && this.view === "map") view.lines();
  }

  read() {
    const asked = new URLSearchParams(location.hash.slice(1));
    const view = asked.get("view");
    if (this.views.some(([name]) => name === view)) this.view = view;
    const focus = this.cluster.byId.get(asked.get("focus") ?? "");
    if (focus) {
      this.focus = focus;
      if (this.view === "focus") this.selected ??= this.startOf(focus);
    }
    const depth = Number(asked.get("depth"));
    if (depth >= 1 && depth <= 5) this.depth = Math.floor(depth);
  }

  // What is told of a focus at once; on a small screen it would hide the picture.
  startOf(focus) {
    return focus && !mobile() ? { endpoint: focus } : null;
  }

  write() {
    const asked = new URLSearchParams({ view: this.view });
    if (this.focus && this.view === "focus") {
      asked.set("focus", this.focus.id);
      asked.set("depth", this.depth);
    }
    history.replaceState(null, "", `#${asked}`);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = ["INPUT", "TEXTAREA", "SELECT"].includes(document.activeElement?.tagName);
    if (event.key === "/" && !typing) {
      event.preventDefault();
      document.getElementById("search").focus();
      return;
    }
    if (typing) return;
    const number = Number(event.key);
    if (number >= 1 && number <= this.views.length) this.go({ view: this.views[number - 1][0] });
    else if (event.key === "t") this.turnTheme();
    else if (event.key === "Escape") this.back();
    else if (event.key === "f" && this.selected) this.focusOn(this.selected.endpoint ?? this.selected.to);
  }

  unselect() {
    this.selected = null;
    this.redraw();
  }

  back() {
    if (this.selected) this.unselect();
    else if (this.view === "focus") this.go({ view: "map", focus: null });
  }

  themeButton() {
    this.theme = h(
      "button",
      {
        class: "quiet theme",
        "data-key": "theme",
        "aria-label": "Light or dark",
        title: "Light or dark (t)",
        onclick: () => this.turnTheme(),
      },
      "◐",
    );
    return this.theme;
  }

  turnTheme() {
    const root = document.documentElement;
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : window.matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    say(`${root.dataset.theme} colours`);
    this.redraw();
  }
}

const page = new Page(JSON.parse(document.getElementById("data").textContent));
page.start();
document.documentElement.dataset.ready = "yes";
