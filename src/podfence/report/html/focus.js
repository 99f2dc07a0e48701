// One endpoint in the middle: who reaches it to the left, what it reaches to the right, layer by layer. Namespaces
// fold where there are many, so that a column is never longer than a page or two.

import { count, groupBy, nameOf } from "./data.js";
import { draw, overlay } from "./curves.js";
import { h, mobile, replace } from "./dom.js";

const MOST_ROWS = 40;
const MOST_OF_PLACE = 8;
const STEP = 40;
const DEEPEST = 5;

export class Focus {
  constructor(page) {
    this.page = page;
    this.unfolded = new Map();
  }

  draw(host) {
    const { page } = this;
    if (!page.focus) {
      replace(
        host,
        h(
          "p",
          { class: "hint" },
          "Nothing is in focus yet: search with / or choose a workload in the map, then press Focus.",
        ),
      );
      return;
    }
    const [left, right] = [this.levels(false), this.levels(true)];
    this.rows = new Map();
    this.host = h("div", { class: left.length > 1 || right.length > 1 ? "columns deep" : "columns" });
    this.layer = overlay(this.host);
    for (let depth = left.length - 1; depth >= 0; depth--) this.host.append(this.column(left[depth], depth, false));
    this.host.append(this.middle());
    right.forEach((level, depth) => this.host.append(this.column(level, depth, true)));
    replace(host, this.bar(), this.host);
    host.scrollLeft =
      this.center.offsetLeft + this.center.offsetParent.offsetLeft - (host.clientWidth - this.center.offsetWidth) / 2;
    this.lines(left, right);
    this.watch?.disconnect();
    this.watch = new ResizeObserver(() => this.lines(left, right));
    this.watch.observe(this.host);
  }

  // Layers of endpoints around the focus, each new in its layer; no path leads on through the outside.
  levels(forward) {
    const { cluster, focus, depth } = this.page;
    const seen = new Set([focus]);
    let edge = [focus];
    const found = [];
    for (let level = 0; level < depth && edge.length; level++) {
      const next = new Map();
      const asked = new Map();
      for (const endpoint of edge) {
        if (asked.has(endpoint.group) && !cluster.near.has(endpoint.index) && !cluster.nodesOf.has(endpoint.index))
          continue;
        asked.set(endpoint.group, true);
        for (const [other, ports] of forward ? cluster.reaches(endpoint) : cluster.reachedFrom(endpoint)) {
          if (level === 0 ? other !== focus || focus.repeated : !seen.has(other))
            if (!next.has(other)) next.set(other, ports);
        }
      }
      if (level === 0) this.addClosed(next, forward);
      for (const other of next.keys()) seen.add(other);
      if (next.size || level === 0) found.push(next);
      edge = [...next.keys()].filter((endpoint) => !endpoint.outside);
    }
    return found;
  }

  // Of a change, what closed is shown as well.
  addClosed(level, forward) {
    const { changes, focus } = this.page;
    for (const change of changes?.all ?? []) {
      if (change.opened || (forward ? change.from : change.to) !== focus) continue;
      const other = forward ? change.to : change.from;
      if (!level.has(other)) level.set(other, change.ports);
    }
  }

  bar() {
    const { page } = this;
    const choose = (depth) =>
      h(
        "button",
        {
          class: "quiet",
          "aria-pressed": String(page.depth === depth),
          "data-key": `depth ${depth}`,
          onclick: () => page.go({ depth }),
        },
        String(depth),
      );
    return h(
      "div",
      { class: "legend", role: "group", "aria-label": "Depth: connections in a row" },
      h("span", {}, "Depth"),
      Array.from({ length: DEEPEST }, (_, index) => choose(index + 1)),
      h("span", { class: "key into" }, "reaches it"),
      h("span", { class: "key out" }, "it reaches"),
      h(
        "button",
        { class: "quiet", "data-key": "unfocus", onclick: () => page.go({ view: "map", focus: null }) },
        "Back to the map (Esc)",
      ),
    );
  }

  middle() {
    const { focus } = this.page;
    this.center = h(
      "button",
      { class: "center", "data-key": focus.id, onclick: () => this.page.select({ endpoint: focus }) },
      h("b", { class: "name" }, nameOf(focus)),
      h("small", {}, [focus.kind, focus.pods ? count(focus.pods, "pod") : ""].filter(Boolean).join(", ")),
    );
    return h("section", { class: "column middle", "aria-label": "In focus" }, this.center);
  }

  column(level, depth, forward) {
    const title = depth ? `${depth + 1} connections away` : forward ? "Reaches" : "Reached from";
    const column = h(
      "section",
      { class: "column", "aria-label": `${title}: ${level.size}` },
      h("h2", {}, `${title} `, h("small", {}, level.size.toLocaleString("en"))),
    );
    if (!level.size) column.append(h("p", { class: "hint" }, forward ? "nothing" : "nobody"));
    const places = groupBy([...level.keys()], (endpoint) => endpoint.place);
    const long = level.size > MOST_ROWS;
    let drawn = 0;
    const most = 60;
    const extra = this.unfolded.get(`${forward} ${depth} places`) ?? 0;
    for (const [place, members] of places) {
      if (drawn >= most + extra) {
        const key = `${forward} ${depth} places`;
        column.append(this.more(key, places.size - drawn, extra + most, "namespaces"));
        break;
      }
      column.append(this.place(place, members, level, depth, forward, long && members.length > MOST_OF_PLACE));
      drawn++;
    }
    return column;
  }

  place(place, members, level, depth, forward, folds) {
    const key = `${forward} ${depth} ${place}`;
    const shown = this.unfolded.get(key) ?? (folds ? 0 : STEP);
    const box = h("div", { class: "place", role: "group", "aria-label": place });
    const texts = [...new Set(members.map((other) => this.page.cluster.portsText(level.get(other))))];
    const head = h(
      "button",
      {
        class: "place-head",
        "aria-expanded": String(shown > 0),
        "data-key": key,
        onclick: () => {
          this.unfolded.set(key, shown ? 0 : STEP);
          this.page.redraw();
        },
      },
      h("span", { "aria-hidden": "true", class: "twist" }, shown ? "▾" : "▸"),
      h("b", { class: "name" }, place),
      " ",
      h(
        "small",
        {},
        shown
          ? String(members.length)
          : `${members.length} · ${texts.length === 1 ? texts[0] : `${texts.length} sets of ports`}`,
      ),
    );
    box.append(head);
    const side = this.rows.get(`${forward} ${depth}`) ?? new Map();
    this.rows.set(`${forward} ${depth}`, side);
    if (!shown) for (const member of members) side.set(member, head);
    for (const member of members.slice(0, shown)) box.append(this.row(member, level.get(member), depth, forward));
    if (shown && members.length > shown) {
      for (const member of members.slice(shown)) side.set(member, head);
      box.append(this.more(key, members.length - shown, shown + STEP, "more"));
    }
    return box;
  }

  more(key, left, next, noun) {
    return h(
      "button",
      {
        class: "quiet more",
        "data-key": `more ${key}`,
        onclick: () => {
          this.unfolded.set(key, next);
          this.page.redraw();
        },
      },
      `${left.toLocaleString("en")} ${noun === "more" ? "more" : `more ${noun}`}`,
    );
  }

  row(endpoint, ports, depth, forward) {
    const { page } = this;
    const ends = forward ? { from: page.focus, to: endpoint } : { from: endpoint, to: page.focus };
    const select = () => page.select(depth ? { endpoint } : ends);
    const changed = depth ? "" : (page.changes?.kindOf(ends.from, ends.to) ?? "");
    const row = h(
      "div",
      { class: `row ${changed}` },
      h(
        "button",
        {
          class: "row-name",
          "data-key": `${forward} ${depth} ${endpoint.id}`,
          onclick: select,
          ondblclick: () => page.focusOn(endpoint),
        },
        h("span", { class: "name" }, nameOf(endpoint, endpoint.namespace)),
        depth ? "" : h("span", { class: "ports" }, page.cluster.portsText(ports)),
      ),
      h(
        "button",
        {
          class: "quiet go",
          "aria-label": `Focus ${nameOf(endpoint)}`,
          title: "Focus",
          onclick: () => page.focusOn(endpoint),
        },
        "◎",
      ),
    );
    this.rows.get(`${forward} ${depth}`).set(endpoint, row);
    return row;
  }

  lines(left, right) {
    if (!this.host.isConnected || mobile()) {
      draw(this.layer, this.host, []);
      return;
    }
    const wanted = new Map();
    const add = (from, to, kind) => {
      const id = `${key(from)} ${key(to)}`;
      if (from && to && !wanted.has(id)) wanted.set(id, { from, to, kind });
    };
    const ids = new Map();
    const key = (element) => {
      if (!ids.has(element)) ids.set(element, ids.size);
      return ids.get(element);
    };
    const { cluster, focus, changes } = this.page;
    for (const [levels, forward] of [
      [left, false],
      [right, true],
    ]) {
      levels.forEach((level, depth) => {
        const rows = this.rows.get(`${forward} ${depth}`) ?? new Map();
        const nearer = this.rows.get(`${forward} ${depth - 1}`) ?? new Map();
        for (const endpoint of level.keys()) {
          if (depth === 0) {
            const kind =
              (forward ? changes?.kindOf(focus, endpoint) : changes?.kindOf(endpoint, focus)) ||
              (forward ? "out" : "into");
            if (forward) add(this.center, rows.get(endpoint), kind);
            else add(rows.get(endpoint), this.center, kind);
          } else if (level.size <= 60 && levels[depth - 1].size <= 60) {
            for (const before of levels[depth - 1].keys()) {
              if (before.outside) continue;
              const reached = forward ? cluster.between(before, endpoint) : cluster.between(endpoint, before);
              if (reached < 0) continue;
              if (forward) add(nearer.get(before), rows.get(endpoint), "out");
              else add(rows.get(endpoint), nearer.get(before), "into");
            }
          }
        }
      });
    }
    draw(this.layer, this.host, [...wanted.values()]);
  }
}
