// The whole cluster at a glance: a square for each pair of namespaces, the darker the more of their pairs connect.
// A square opens to the workloads of the two. Drawn on a canvas, only as much as is in sight.

import { nameOf } from "./data.js";
import { h, replace, say } from "./dom.js";

const CELL = 22;
const HEAD = 150;
const MOST_PORTS = 4;
const SOME_PORTS = 0.35;

export class Matrix {
  constructor(page) {
    this.page = page;
    this.open = null;
    this.cursor = [0, 0];
  }

  draw(host) {
    const { degrees } = this.page;
    if (!degrees.cells) {
      replace(host, h("p", { class: "hint" }, "There are too many namespaces for a matrix."));
      return;
    }
    [this.rows, this.columns] = this.open
      ? [this.members(this.open[0]), this.members(this.open[1])]
      : [degrees.placeNames, degrees.placeNames];
    this.cursor = [Math.min(this.cursor[0], this.rows.length - 1), Math.min(this.cursor[1], this.columns.length - 1)];
    this.canvas = h("canvas", { "aria-hidden": "true" });
    this.size = h("div", { class: "matrix-size" }, this.canvas);
    this.said = h("p", { class: "matrix-said", "aria-live": "polite" }, "");
    this.pane = h(
      "div",
      {
        class: "matrix",
        tabindex: "0",
        role: "application",
        "aria-label": `${this.title()}. Arrow keys move, Enter opens, Escape goes back.`,
        "data-key": "matrix",
        onscroll: () => this.paint(),
        onkeydown: (event) => this.key(event),
        onmousemove: (event) => this.point(event),
        onclick: (event) => {
          if (this.point(event)) this.enter();
        },
      },
      this.size,
    );
    this.size.style.width = `${HEAD + this.columns.length * CELL + 20}px`;
    this.size.style.height = `${HEAD + this.rows.length * CELL + 20}px`;
    const back = this.open
      ? h(
          "button",
          { class: "quiet", "data-key": "matrix back", onclick: () => this.back() },
          "Back to namespaces (Esc)",
        )
      : "";
    replace(
      host,
      h(
        "div",
        { class: "sheet" },
        h(
          "div",
          { class: "legend" },
          h("b", { class: "name" }, this.title()),
          back,
          h("span", {}, "rows reach columns"),
          h(
            "span",
            { class: "scale" },
            h("i", { class: "s0" }),
            h("i", { class: "s1" }),
            h("i", { class: "s2" }),
            h("i", { class: "s3" }),
            h("i", { class: "s4" }),
            this.open ? " no, some or all ports" : " none to all pairs",
          ),
        ),
        this.said,
        this.pane,
      ),
    );
    this.watch?.disconnect();
    this.watch = new ResizeObserver(() => this.paint());
    this.watch.observe(this.pane);
    this.paint();
    this.tell();
  }

  title() {
    return this.open ? `${this.open[0]} → ${this.open[1]}` : "Namespaces";
  }

  members(place) {
    return this.page.cluster.places.get(place);
  }

  label(item) {
    return typeof item === "string" ? item : nameOf(item, item.namespace);
  }

  // How much of a cell connects, from 0 to 1.
  share(row, column) {
    if (this.open) {
      const ports = this.page.cluster.between(this.rows[row], this.columns[column]);
      return ports < 0 ? 0 : ports === this.page.cluster.allPorts ? 1 : SOME_PORTS;
    }
    const { degrees } = this.page;
    const pairs = this.possible(row, column);
    return pairs ? Math.min(degrees.cells[row * this.columns.length + column] / pairs, 1) : 0;
  }

  possible(row, column) {
    const [a, b] = [this.members(this.rows[row]).length, this.members(this.columns[column]).length];
    return row === column ? Math.max(a * (a - 1), degreesOfOne(this.page.degrees, row, this.columns.length)) : a * b;
  }

  paint() {
    if (!this.canvas.isConnected) return;
    const [width, height] = [this.pane.clientWidth, this.pane.clientHeight];
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = width * ratio;
    this.canvas.height = height * ratio;
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    const style = getComputedStyle(this.pane);
    const color = (name) => style.getPropertyValue(name).trim();
    const brush = this.canvas.getContext("2d");
    brush.scale(ratio, ratio);
    brush.clearRect(0, 0, width, height);
    const [left, top] = [this.pane.scrollLeft, this.pane.scrollTop];
    const first = [Math.floor(top / CELL), Math.floor(left / CELL)];
    const last = [
      Math.min(this.rows.length, first[0] + Math.ceil(height / CELL) + 1),
      Math.min(this.columns.length, first[1] + Math.ceil(width / CELL) + 1),
    ];
    this.painted = 0;
    for (let row = first[0]; row < last[0]; row++) {
      for (let column = first[1]; column < last[1]; column++) {
        const [x, y] = [HEAD + column * CELL - left, HEAD + row * CELL - top];
        const share = this.share(row, column);
        brush.globalAlpha = share ? 0.18 + 0.82 * share : 1;
        brush.fillStyle = share ? color("--blue") : color("--empty");
        brush.fillRect(x + 1, y + 1, CELL - 2, CELL - 2);
        this.painted++;
      }
    }
    brush.globalAlpha = 1;
    brush.strokeStyle = color("--ink");
    brush.lineWidth = 2;
    brush.strokeRect(HEAD + this.cursor[1] * CELL - left, HEAD + this.cursor[0] * CELL - top, CELL, CELL);
    this.heads(brush, color, first, last, left, top, width, height);
  }

  heads(brush, color, first, last, left, top, width, height) {
    brush.fillStyle = color("--card");
    brush.fillRect(0, 0, width, HEAD);
    brush.fillRect(0, 0, HEAD, height);
    brush.fillStyle = color("--ink");
    brush.font = "12px system-ui, sans-serif";
    brush.textBaseline = "middle";
    for (let row = first[0]; row < last[0]; row++) {
      const y = HEAD + row * CELL - top + CELL / 2;
      if (y > HEAD) {
        brush.textAlign = "right";
        brush.fillText(shorten(this.label(this.rows[row])), HEAD - 8, y);
      }
    }
    brush.textAlign = "left";
    for (let column = first[1]; column < last[1]; column++) {
      const x = HEAD + column * CELL - left + CELL / 2;
      if (x < HEAD) continue;
      brush.save();
      brush.translate(x, HEAD - 8);
      brush.rotate(-Math.PI / 2.6);
      brush.fillText(shorten(this.label(this.columns[column])), 0, 0);
      brush.restore();
    }
    brush.clearRect(0, 0, HEAD - 1, 0);
  }

  point(event) {
    const frame = this.pane.getBoundingClientRect();
    const column = Math.floor((event.clientX - frame.left + this.pane.scrollLeft - HEAD) / CELL);
    const row = Math.floor((event.clientY - frame.top + this.pane.scrollTop - HEAD) / CELL);
    if (row < 0 || column < 0 || row >= this.rows.length || column >= this.columns.length) return false;
    if (event.clientX - frame.left < HEAD || event.clientY - frame.top < HEAD) return false;
    if (row !== this.cursor[0] || column !== this.cursor[1]) {
      this.cursor = [row, column];
      this.paint();
      this.tell();
    }
    return true;
  }

  key(event) {
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    if (moves[event.key]) {
      event.preventDefault();
      const [row, column] = moves[event.key];
      this.cursor = [
        clamp(this.cursor[0] + row, this.rows.length),
        clamp(this.cursor[1] + column, this.columns.length),
      ];
      this.keepInSight();
      this.paint();
      this.tell();
    } else if (event.key === "Enter") {
      event.preventDefault();
      this.enter();
    } else if (event.key === "Escape" && this.open) {
      event.stopPropagation();
      this.back();
    }
  }

  keepInSight() {
    const [x, y] = [this.cursor[1] * CELL, this.cursor[0] * CELL];
    const [width, height] = [this.pane.clientWidth - HEAD - CELL, this.pane.clientHeight - HEAD - CELL];
    this.pane.scrollLeft = Math.max(Math.min(this.pane.scrollLeft, x), x - width);
    this.pane.scrollTop = Math.max(Math.min(this.pane.scrollTop, y), y - height);
  }

  tell() {
    if (!this.rows.length || !this.columns.length) return;
    const [row, column] = this.cursor;
    const ends = `${this.label(this.rows[row])} → ${this.label(this.columns[column])}`;
    if (this.open) {
      const ports = this.page.cluster.between(this.rows[row], this.columns[column]);
      this.said.textContent = `${ends}: ${this.page.cluster.portsText(ports)}`;
      return;
    }
    const pairs = this.page.degrees.cells[row * this.columns.length + column];
    const most = this.possible(row, column).toLocaleString("en");
    const on = pairs ? ` on ${this.portsOf(row, column)}` : "";
    this.said.textContent = `${ends}: ${pairs.toLocaleString("en")} of ${most} pairs connect${on}`;
  }

  // The ports of all connections of a cell, the first of them when there are many.
  portsOf(row, column) {
    const { cluster, degrees } = this.page;
    const found = new Set();
    cluster.rows.forEach((parts, group) => {
      if (!degrees.placesOf[group].some(([place]) => place === row)) return;
      for (let index = 0; index < parts.length; index += 2) {
        if (degrees.totals(parts[index + 1]).has(column)) found.add(cluster.portsText(parts[index]));
      }
    });
    const texts = [...found].sort();
    return texts.length > MOST_PORTS
      ? `${texts.slice(0, MOST_PORTS).join(" or ")} and ${texts.length - MOST_PORTS} more sets of ports`
      : texts.join(" or ");
  }

  enter() {
    const [row, column] = this.cursor;
    if (this.open) {
      this.page.select({ from: this.rows[row], to: this.columns[column] });
      return;
    }
    this.before = this.cursor;
    this.open = [this.rows[row], this.columns[column]];
    this.cursor = [0, 0];
    this.page.redraw();
    this.pane.focus();
    say(this.title());
  }

  back() {
    this.open = null;
    this.cursor = this.before ?? [0, 0];
    this.page.redraw();
    this.pane.focus();
  }
}

function degreesOfOne(degrees, row, size) {
  return degrees.cells[row * size + row];
}

function clamp(number, size) {
  return Math.max(0, Math.min(size - 1, number));
}

function shorten(text) {
  return text.length > 20 ? `${text.slice(0, 19)}…` : text;
}
