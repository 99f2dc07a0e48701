// The map: namespaces as islands that fold, workloads inside. Lines show what policies let through; whoever is open
// to everyone is marked instead of drawn a line from everyone, and large maps draw lines only for what is pointed at.

import { count, nameOf } from "./data.js";
import { draw, overlay } from "./curves.js";
import { REACHED } from "./degrees.js";
import { h, mobile, replace, say } from "./dom.js";
import { layers } from "./layers.js";

const MOST_OPEN = 120;
const MOST_LINES = 60;
const MOST_LAYERED = 40;
const STEP = 60;
const MANY = 12;
const STEP_OF_MANY = 12;
const MOST_CHANGES = 4000;
const MARKS = { into: "to-it", out: "from-it", opened: "opened-at", closed: "closed-at", resting: "from-it" };

export class Islands {
  constructor(page) {
    this.page = page;
    const { cluster } = page;
    const few = cluster.endpoints.length <= MOST_OPEN;
    this.unfolded = new Set(few ? cluster.places.keys() : []);
    this.shown = new Map();
  }

  draw(host) {
    const { cluster } = this.page;
    this.host = h("div", { class: "islands" });
    this.chips = new Map();
    this.heads = new Map();
    this.layer = overlay(this.host);
    const small = cluster.endpoints.length <= MOST_OPEN;
    this.host.classList.toggle("few", small);
    for (const [place, members] of this.places()) this.host.append(this.island(place, members));
    replace(host, this.legend(), this.host);
    this.resting = this.restingLines();
    this.lines();
    this.watch?.disconnect();
    this.watch = new ResizeObserver(() => this.lines());
    this.watch.observe(this.host);
  }

  // The outside first: it is where connections come from that people fear.
  places() {
    const rank = (name) => (name === "Outside the cluster" ? 0 : name === "Nodes" ? 2 : 1);
    return [...this.page.cluster.places].sort(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1));
  }

  legend() {
    const all = this.unfolded.size >= this.page.cluster.places.size;
    return h(
      "div",
      { class: "legend" },
      ...Object.entries(REACHED).map(([kind, text]) => h("span", { class: `key ${kind}` }, text)),
      h("span", { class: "key leaves" }, "can leave the cluster"),
      ...(this.page.changes
        ? [h("span", { class: "key opened" }, "opens"), h("span", { class: "key closed" }, "closes (dashed)")]
        : []),
      h(
        "button",
        { class: "quiet", "data-key": "fold-all", onclick: () => this.foldAll(!all) },
        all ? "Fold all" : "Unfold all",
      ),
    );
  }

  foldAll(open) {
    this.unfolded = new Set(open ? this.page.cluster.places.keys() : []);
    this.page.redraw();
  }

  island(place, members) {
    const open = this.unfolded.has(place);
    const pods = members.filter((endpoint) => endpoint.hasPods);
    const kind = pods.length ? "namespace" : place === "Nodes" ? "nodes" : "outside";
    const head = h(
      "button",
      {
        class: "island-head",
        "aria-expanded": String(open),
        "data-key": `place ${place}`,
        onclick: () => this.toggle(place),
        onmouseenter: () => this.lines(() => this.placeLines(place)),
        onmouseleave: () => this.lines(),
        onfocus: () => this.lines(() => this.placeLines(place)),
        onblur: () => this.lines(),
      },
      h("span", { class: "twist", "aria-hidden": "true" }, open ? "▾" : "▸"),
      h("b", { class: "name" }, place),
      h("small", {}, this.about(members, pods)),
    );
    this.heads.set(place, head);
    const section = h(
      "section",
      {
        class: `island ${kind} ${open ? "open" : ""}`,
        "aria-label": `${kind === "namespace" ? "Namespace " : ""}${place}`,
      },
      head,
    );
    if (!open && pods.length) section.append(this.bar(pods));
    if (open) section.append(this.body(place, members));
    return section;
  }

  about(members, pods) {
    if (!pods.length) return count(members.length, members[0].kind === "Node" ? "node" : "place");
    const isolated = pods.filter((endpoint) => endpoint.isolated & 2).length;
    return `${count(pods.length, this.page.noun)}, ${isolated} isolated for ingress`;
  }

  // How many of a folded namespace are reached by whom, as a bar.
  bar(pods) {
    const counts = { everyone: 0, outside: 0, some: 0, nobody: 0 };
    for (const endpoint of pods) counts[this.page.degrees.reachedBy(endpoint)]++;
    const text = Object.entries(counts)
      .filter(([, n]) => n)
      .map(([kind, n]) => `${n} ${REACHED[kind]}`)
      .join("; ");
    const bar = h("div", { class: "bar", role: "img", "aria-label": text, title: text });
    for (const [kind, number] of Object.entries(counts)) {
      if (!number) continue;
      const piece = h("i", { class: kind });
      piece.style.flexGrow = number;
      bar.append(piece);
    }
    return bar;
  }

  toggle(place) {
    if (!this.unfolded.delete(place)) this.unfolded.add(place);
    say(`${place} ${this.unfolded.has(place) ? "unfolded" : "folded"}`);
    this.page.redraw();
  }

  body(place, members) {
    const shown = this.shown.get(place) ?? (this.unfolded.size > MANY ? STEP_OF_MANY : STEP);
    const inLayers = members.length <= MOST_LAYERED && members.length > 2 && members[0].hasPods && !mobile();
    const body = h("div", { class: inLayers ? "layers" : "list", role: "group", "aria-label": `In ${place}` });
    if (inLayers) {
      for (const layer of layers(members, this.edgesWithin(members))) {
        body.append(
          h(
            "div",
            { class: "layer" },
            layer.map((endpoint) => this.chip(endpoint, place)),
          ),
        );
      }
      return body;
    }
    body.append(...members.slice(0, shown).map((endpoint) => this.chip(endpoint, place)));
    if (members.length > shown) {
      const more = () => {
        this.shown.set(place, shown + STEP);
        this.page.redraw();
      };
      body.append(
        h(
          "button",
          { class: "quiet more", "data-key": `more ${place}`, onclick: more },
          `${(members.length - shown).toLocaleString("en")} more`,
        ),
      );
    }
    return body;
  }

  chip(endpoint, home) {
    const { degrees } = this.page;
    const [reached, leaves] = [degrees.reachedBy(endpoint), degrees.leaves(endpoint)];
    const said = endpoint.hasPods
      ? `${nameOf(endpoint, home)}: ${REACHED[reached]}, ${leaves === "no" ? "cannot leave the cluster" : "can leave the cluster"}`
      : nameOf(endpoint, home);
    const chip = h(
      "button",
      {
        class: `chip ${endpoint.hasPods ? reached : "plain"} ${endpoint.hasPods && leaves !== "no" ? "leaves" : ""}`,
        "data-key": endpoint.id,
        title: said,
        "aria-label": said,
        onclick: () => this.page.select({ endpoint }),
        ondblclick: () => this.page.focusOn(endpoint),
        onkeydown: (event) => {
          if (event.key === "Enter" && event.shiftKey) {
            event.preventDefault();
            this.page.focusOn(endpoint);
          }
        },
        onmouseenter: () => this.lines(() => this.endpointLines(endpoint)),
        onmouseleave: () => this.lines(),
        onfocus: () => this.lines(() => this.endpointLines(endpoint)),
        onblur: () => this.lines(),
      },
      h("span", { class: "name" }, nameOf(endpoint, home)),
      endpoint.pods > 1 ? h("small", {}, `×${endpoint.pods}`) : "",
    );
    this.chips.set(endpoint, chip);
    return chip;
  }

  // Connections that policies single out: not those of anyone into what lets anyone in, or of what has to do with all
  // the rest of the world anyway. A line that half of all have tells nothing.
  tells(source, destination) {
    const { degrees, cluster } = this.page;
    if (destination.outside) return !cluster.rest || cluster.between(source, cluster.rest) < 0;
    if (!destination.hasPods || source.kind === "Node") return false;
    if (source.outside) return !cluster.rest || cluster.between(cluster.rest, destination) < 0;
    if (source.isolated & 1) return true;
    return destination.isolated & 2
      ? !degrees.letsAnyoneIn(destination)
      : degrees.inFree[destination.group] <= degrees.free / 2;
  }

  edgesWithin(members) {
    const found = [];
    for (const source of members) {
      for (const destination of members) {
        if (
          source !== destination &&
          this.tells(source, destination) &&
          this.page.cluster.between(source, destination) >= 0
        ) {
          found.push([source, destination]);
        }
      }
    }
    return found;
  }

  restingLines() {
    const visible = [...this.chips.keys()];
    if (mobile()) return [];
    if (this.page.changes) return this.changedLines();
    if (!this.host.classList.contains("few") || visible.length > MOST_LINES) return [];
    return this.edgesWithin(visible).map(([a, b]) => ({
      from: this.chips.get(a),
      to: this.chips.get(b),
      kind: "resting",
    }));
  }

  // Of a change, only what it opens and closes.
  changedLines() {
    const lines = [];
    const drawn = { opened: new Map(), closed: new Map() };
    for (const change of this.page.changes.all) {
      const kind = change.opened ? "opened" : "closed";
      const [from, to] = [this.nodeOf(change.from), this.nodeOf(change.to)];
      const known = drawn[kind].get(from) ?? drawn[kind].set(from, new Set()).get(from);
      if (from === to || known.has(to)) continue;
      known.add(to);
      lines.push({ from, to, kind });
      if (lines.length >= MOST_CHANGES) break;
    }
    return lines;
  }

  // Of a change, what it opens and closes at one node.
  changedAt(node) {
    return this.page.changes ? this.resting.filter(({ from, to }) => from === node || to === node) : [];
  }

  nodeOf(endpoint) {
    return this.chips.get(endpoint) ?? this.heads.get(endpoint.place);
  }

  endpointLines(endpoint) {
    const { cluster } = this.page;
    const here = this.nodeOf(endpoint);
    const changed = this.changedAt(here);
    if (changed.length) return changed;
    const out = new Set([...cluster.reaches(endpoint).keys()].map((other) => this.nodeOf(other)));
    const into = new Set([...cluster.reachedFrom(endpoint).keys()].map((other) => this.nodeOf(other)));
    const lines = [...into].map((from) => ({ from, to: here, kind: "into" }));
    return [...lines, ...[...out].map((to) => ({ from: here, to, kind: "out" }))].filter(
      (line) => line.from !== line.to,
    );
  }

  placeLines(place) {
    const { degrees } = this.page;
    if (!degrees.cells || this.unfolded.has(place)) return [];
    const [size, at] = [degrees.placeNames.length, degrees.placeNames.indexOf(place)];
    const here = this.heads.get(place);
    const changed = this.changedAt(here);
    if (changed.length) return changed;
    return degrees.placeNames.flatMap((name, other) => {
      const there = this.heads.get(name);
      if (other === at || !there || this.unfolded.has(name)) return [];
      return [
        ...(degrees.cells[other * size + at] ? [{ from: there, to: here, kind: "into" }] : []),
        ...(degrees.cells[at * size + other] ? [{ from: here, to: there, kind: "out" }] : []),
      ];
    });
  }

  // Draw the lines at rest, or those of what is pointed at over them.
  lines(pointed) {
    if (!this.host.isConnected) return;
    const chosen = this.page.selected?.endpoint;
    const strong = pointed ? pointed() : chosen && this.nodeOf(chosen) ? this.endpointLines(chosen) : [];
    const wanted = strong.length ? strong : this.resting;
    // Where lines would hide each other, their far ends are marked instead.
    const crowded = wanted.length > MOST_LINES;
    draw(this.layer, this.host, crowded ? [] : wanted);
    for (const node of this.host.querySelectorAll(".peer")) node.classList.remove("peer", ...Object.values(MARKS));
    for (const { from, to, kind } of crowded ? wanted : []) {
      (kind === "into" ? from : to).classList.add("peer", MARKS[kind]);
    }
    for (const [endpoint, chip] of this.chips) chip.setAttribute("aria-pressed", String(endpoint === chosen));
  }
}
