// The same facts as a table, for screen readers, for printing and for whoever likes tables: one page at a time.

import { count, nameOf } from "./data.js";
import { h, replace, say } from "./dom.js";
import { reasons } from "./reasons.js";

const ROWS = 100;

export class Table {
  constructor(page) {
    this.page = page;
    this.from = "";
    this.to = "";
    this.at = 0;
  }

  draw(host) {
    const found = this.rows();
    const body = found.rows.map(([source, destination, ports]) => this.row(source, destination, ports));
    replace(
      host,
      h(
        "div",
        { class: "sheet" },
        h(
          "div",
          { class: "legend", role: "group", "aria-label": "Narrow the table" },
          this.filter("from", "From"),
          this.filter("to", "To"),
          h(
            "span",
            {},
            `${count(found.total, "connection")}${found.total > ROWS ? `, ${this.at + 1} to ${this.at + found.rows.length} shown` : ""}`,
          ),
          this.turn("Previous", this.at - ROWS, this.at > 0),
          this.turn("Next", this.at + ROWS, this.at + ROWS < found.total),
        ),
        h(
          "div",
          { class: "scroll", tabindex: "0", role: "region", "aria-label": "Connections" },
          h(
            "table",
            {},
            h("caption", { class: "hidden" }, "Who reaches whom, on which ports, and why"),
            h(
              "thead",
              {},
              h(
                "tr",
                {},
                ["From", "To", "Ports", "Leaving: why", "Entering: why"].map((text) => h("th", { scope: "col" }, text)),
              ),
            ),
            h("tbody", {}, body),
          ),
        ),
      ),
    );
  }

  filter(which, title) {
    return h(
      "label",
      {},
      `${title} `,
      h("input", {
        type: "search",
        value: this[which],
        "data-key": `filter ${which}`,
        autocomplete: "off",
        spellcheck: "false",
        placeholder: "part of a name",
        oninput: (event) => {
          this[which] = event.target.value;
          this.at = 0;
          this.page.redraw();
          event.target.isConnected || this.restore(which);
        },
      }),
    );
  }

  restore(which) {
    const input = document.querySelector(`[data-key="filter ${which}"]`);
    input?.focus();
    input?.setSelectionRange(input.value.length, input.value.length);
  }

  turn(text, at, possible) {
    return h(
      "button",
      {
        class: "quiet",
        "data-key": `turn ${text}`,
        disabled: !possible,
        onclick: () => {
          this.at = at;
          this.page.redraw();
          say(`From row ${at + 1}`);
        },
      },
      text,
    );
  }

  // One page of connections and how many there are; sources before the page are counted, not listed.
  rows() {
    const { cluster } = this.page;
    const sources = this.matching(this.from);
    const wanted = this.to ? new Set(this.matching(this.to)) : null;
    const rows = [];
    let total = 0;
    const totals = new Map();
    for (const source of sources) {
      const plain = !wanted && !cluster.near.has(source.index);
      let number = plain ? this.total(totals, source) : null;
      if (number === null || (rows.length < ROWS && total + number > this.at)) {
        const found = [...cluster.reaches(source)].filter(([other]) => !wanted || wanted.has(other));
        number = found.length;
        for (const [other, ports] of found.slice(Math.max(this.at - total, 0))) {
          if (rows.length < ROWS && total + number > this.at) rows.push([source, other, ports]);
        }
      }
      total += number;
    }
    return { rows, total };
  }

  total(totals, source) {
    if (!totals.has(source.group)) {
      let sum = 0;
      const row = this.page.cluster.rows[source.group];
      for (let index = 1; index < row.length; index += 2) {
        for (const group of this.page.cluster.groupsIn(row[index])) sum += this.page.cluster.groups[group].length;
      }
      totals.set(source.group, sum);
    }
    const self = this.page.cluster.betweenGroups(source.group, source.group) >= 0 && !source.repeated;
    return totals.get(source.group) - (self ? 1 : 0);
  }

  matching(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const found = this.page.cluster.endpoints.filter((endpoint) => {
      const all = `${endpoint.id} ${endpoint.name}`.toLowerCase();
      return words.every((word) => all.includes(word));
    });
    return [...found.filter((endpoint) => endpoint.hasPods), ...found.filter((endpoint) => !endpoint.hasPods)];
  }

  row(source, destination, ports) {
    return h(
      "tr",
      { class: this.page.changes?.kindOf(source, destination) ?? "" },
      h(
        "th",
        { scope: "row" },
        h(
          "button",
          { class: "link", onclick: () => this.page.select({ from: source, to: destination }) },
          h("span", { class: "name" }, nameOf(source)),
        ),
      ),
      h("td", { class: "name" }, nameOf(destination)),
      h("td", { class: "ports" }, this.page.cluster.portsText(ports)),
      h("td", {}, this.why(source, destination, ports, false)),
      h("td", {}, this.why(source, destination, ports, true)),
    );
  }

  why(source, destination, ports, ingress) {
    const { cluster } = this.page;
    const texts = reasons(cluster, source, destination, ports, ingress).map(({ text, at }) =>
      at ? `${text} (${cluster.files[at[0]]}:${at[1]})` : text,
    );
    return [...new Set(texts)].slice(0, 4).join("; ");
  }
}
