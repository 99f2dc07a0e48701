// What a change opens and closes, the riskiest first, drawn from sources to destinations with what caused it.

import { groupBy, nameOf, numbersIn } from "./data.js";
import { policyText } from "./detail.js";
import { h, replace } from "./dom.js";

const STEP = 100;
const MOST_NAMES = 6;

export class Changes {
  constructor(page, data) {
    this.page = page;
    this.causes = data.causes;
    this.came = data.added;
    this.gone = data.removed;
    this.shown = STEP;
    // Each row is a list of changes that differ in their sources only.
    this.rows = data.links.map(([opened, to, ports, causes, runs]) =>
      [...numbersIn(runs)].map((from) => ({
        opened: Boolean(opened),
        from: page.cluster.endpoints[from],
        to: page.cluster.endpoints[to],
        ports,
        causes,
      })),
    );
    this.all = this.rows.flat();
    this.byDestination = groupBy(this.all, (change) => change.to);
  }

  between(from, to) {
    return (this.byDestination.get(to) ?? []).filter((change) => change.from === from);
  }

  kindOf(from, to) {
    const found = this.between(from, to);
    return found.some((change) => change.opened) ? "opened" : found.length ? "closed" : "";
  }

  draw(host) {
    const { rows } = this;
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
    return h(
      "li",
      { class: `change ${first.opened ? "opened" : "closed"}` },
      h("b", { class: "verb" }, first.opened ? "opens" : "closes"),
      h("span", { class: "ends from" }, this.sources(changes)),
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

  // Where changes come from: anywhere, or the first few names.
  sources(changes) {
    const outside = changes.filter((change) => change.from.kind === "External");
    const isAnywhere = outside.length > 0 && outside.length === this.page.cluster.addresses.length;
    const listed = isAnywhere ? [outside[0], ...changes.filter((change) => !outside.includes(change))] : changes;
    const chips = listed.slice(0, MOST_NAMES).map((change, index) =>
      h(
        "button",
        {
          class: "chip plain",
          "data-key": `c ${change.opened} ${change.ports} ${change.from.id} ${change.to.id}`,
          onclick: () => this.page.select({ from: change.from, to: change.to }),
        },
        h("span", { class: "name" }, isAnywhere && !index ? "anywhere" : nameOf(change.from)),
      ),
    );
    return listed.length > MOST_NAMES
      ? [...chips, h("small", {}, `and ${(listed.length - MOST_NAMES).toLocaleString("en")} more`)]
      : chips;
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
