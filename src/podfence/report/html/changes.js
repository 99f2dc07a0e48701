// What a change opens and closes, the riskiest first, drawn from sources to destinations with what caused it.

import { groupBy, nameOf } from "./data.js";
import { policyText } from "./detail.js";
import { h, replace } from "./dom.js";

const STEP = 100;

export class Changes {
  constructor(page, data) {
    this.page = page;
    this.causes = data.causes;
    this.came = data.added;
    this.gone = data.removed;
    this.shown = STEP;
    this.all = data.links.map(([opened, from, to, ports, causes]) => ({
      opened: Boolean(opened),
      from: page.cluster.endpoints[from],
      to: page.cluster.endpoints[to],
      ports,
      causes,
    }));
    this.byEnds = groupBy(this.all, (change) => `${change.from.index} ${change.to.index}`);
  }

  between(from, to) {
    return this.byEnds.get(`${from.index} ${to.index}`) ?? [];
  }

  kindOf(from, to) {
    const found = this.between(from, to);
    return found.some((change) => change.opened) ? "opened" : found.length ? "closed" : "";
  }

  // Changes that differ in their sources only are one row.
  rows() {
    return [
      ...groupBy(
        this.all,
        (change) => `${change.opened} ${change.from.outside} ${change.to.index} ${change.ports} ${change.causes}`,
      ).values(),
    ];
  }

  draw(host) {
    const rows = (this.grouped ??= this.rows());
    replace(
      host,
      h(
        "div",
        { class: "sheet changes" },
        h(
          "div",
          { class: "legend" },
          h("span", { class: "key opened" }, "opens"),
          h("span", { class: "key closed" }, "closes"),
        ),
        this.all.length ? "" : h("p", { class: "hint" }, "No connection opens or closes."),
        h(
          "ul",
          { class: "change-list" },
          rows.slice(0, this.shown).map((row) => this.row(row)),
        ),
        rows.length > this.shown
          ? h(
              "button",
              {
                class: "quiet more",
                "data-key": "more changes",
                onclick: () => {
                  this.shown += STEP;
                  this.page.redraw();
                },
              },
              `${rows.length - this.shown} more`,
            )
          : "",
        this.list("New", this.came),
        this.list("Gone", this.gone),
      ),
    );
  }

  list(title, ids) {
    if (!ids.length) return "";
    return h(
      "section",
      {},
      h("h2", {}, title),
      h(
        "p",
        { class: "names" },
        ids.slice(0, 200).map((id) => h("span", { class: "fact name" }, id)),
        ids.length > 200 ? ` and ${ids.length - 200} more` : "",
      ),
    );
  }

  row(changes) {
    const [first] = changes;
    const names = changes.slice(0, 6).map((change) =>
      h(
        "button",
        {
          class: "chip plain",
          "data-key": `c ${change.opened} ${change.ports} ${change.from.id} ${change.to.id}`,
          onclick: () => this.page.select({ from: change.from, to: change.to }),
        },
        h("span", { class: "name" }, nameOf(change.from)),
      ),
    );
    return h(
      "li",
      { class: `change ${first.opened ? "opened" : "closed"}` },
      h("b", { class: "verb" }, first.opened ? "opens" : "closes"),
      h(
        "span",
        { class: "ends from" },
        names,
        changes.length > 6 ? h("small", {}, `and ${changes.length - 6} more`) : "",
      ),
      h(
        "span",
        { class: "arrow" },
        h("span", { class: "ports" }, this.page.cluster.portsText(first.ports)),
        h("i", { "aria-hidden": "true" }),
      ),
      h(
        "button",
        {
          class: "chip plain to",
          onclick: () => this.page.select({ endpoint: first.to }),
          ondblclick: () => this.page.focusOn(first.to),
        },
        h("span", { class: "name" }, nameOf(first.to)),
      ),
      h("span", { class: "cause" }, this.because(first)),
    );
  }

  because(change) {
    if (!change.causes.length) return "no policy changed: labels, ports or workloads did";
    return change.causes.map((number) => {
      const cause = this.causes[number];
      return h("span", {}, policyText(this.page.cluster, cause, cause.at, cause.name), ` ${cause.change}`);
    });
  }

  sentence(change) {
    return h(
      "p",
      { class: `change ${change.opened ? "opened" : "closed"}` },
      h("b", { class: "verb" }, change.opened ? "opens" : "closes"),
      " ",
      h("span", { class: "ports" }, this.page.cluster.portsText(change.ports)),
      " ",
      h("span", { class: "cause" }, this.because(change)),
    );
  }
}
