// What crosses the border of the cluster: who is reached from outside, and who leaves; alike rows are told as one.

import { count, groupBy, nameOf, push } from "./data.js";
import { h, replace } from "./dom.js";

const MOST_NAMES = 24;
const MOST_OF_PLACE = 200;
const MOST_PLACES = 300;
const MOST_ROWS = 60;

export class Exposed {
  constructor(page) {
    this.page = page;
    this.shown = new Map();
  }

  draw(host) {
    this.found ??= [this.crossing(true), this.crossing(false)];
    const [entering, leaving] = this.found;
    const total = this.page.cluster.inside.length;
    replace(
      host,
      h(
        "div",
        { class: "sheet" },
        this.section(
          "Reached from outside",
          entering,
          total,
          "from",
          "Nothing in the cluster is reached from outside.",
        ),
        this.section("Leaving the cluster", leaving, total, "to", "Nothing leaves the cluster."),
      ),
    );
  }

  // Endpoints by what crosses the border at them: a text like "TCP 443 from anywhere".
  crossing(entering) {
    const { cluster } = this.page;
    const byGroup = new Map();
    const outside = cluster.endpoints.filter((endpoint) => endpoint.outside);
    if (entering) {
      const sources = groupBy(outside, (endpoint) => endpoint.group);
      for (const [group, members] of sources) {
        const row = cluster.rows[group];
        for (let index = 0; index < row.length; index += 2) {
          for (const reached of cluster.groupsIn(row[index + 1])) this.add(byGroup, reached, row[index], members);
        }
      }
    } else {
      const targets = groupBy(outside, (endpoint) => endpoint.group);
      cluster.rows.forEach((row, group) => {
        for (const [target, members] of targets) {
          const ports = cluster.betweenGroups(group, target);
          if (ports >= 0) this.add(byGroup, group, ports, members);
        }
      });
    }
    const found = new Map();
    const texts = new Map();
    for (const [group, byPorts] of byGroup) {
      const members = cluster.groups[group]
        .map((member) => cluster.endpoints[member])
        .filter((endpoint) => endpoint.hasPods);
      if (!members.length) continue;
      const rights = [...byPorts].map(([ports, places]) => [cluster.portsText(ports), cluster.placesText(places)]);
      const key = JSON.stringify(rights);
      texts.set(key, rights);
      for (const member of members) push(found, key, member);
    }
    return [...found]
      .map(([key, members]) => ({ rights: texts.get(key), members }))
      .sort(
        (a, b) =>
          danger(b) - danger(a) || b.members.length - a.members.length || a.members[0].index - b.members[0].index,
      );
  }

  add(byGroup, group, ports, members) {
    if (!byGroup.has(group)) byGroup.set(group, new Map());
    for (const member of members) push(byGroup.get(group), ports, member);
  }

  section(title, rows, total, way, none) {
    const number = rows.reduce((sum, row) => sum + row.members.length, 0);
    const shown = this.shown.get(title) ?? MOST_ROWS;
    return h(
      "section",
      { "aria-label": title },
      h("h2", {}, title, " ", h("small", {}, `${number.toLocaleString("en")} of ${count(total, this.page.noun)}`)),
      rows.length ? "" : h("p", { class: "hint" }, none),
      ...rows.slice(0, shown).map((row) => this.row(row, way)),
      rows.length > shown
        ? h(
            "button",
            {
              class: "quiet more",
              "data-key": `more ${title}`,
              onclick: () => {
                this.shown.set(title, shown + MOST_ROWS);
                this.page.redraw();
              },
            },
            `${rows.length - shown} more`,
          )
        : "",
    );
  }

  row({ rights, members }, way) {
    const isAll = rights.some(([ports, places]) => places.startsWith("anywhere") && ports === "all");
    return h(
      "div",
      { class: `crossing ${isAll ? "everyone" : "outside"}` },
      h(
        "div",
        { class: "rights" },
        rights.map(([ports, places]) =>
          h("p", {}, h("span", { class: "ports" }, ports), ` ${way} `, h("span", { class: "name" }, places)),
        ),
      ),
      h(
        "div",
        { class: "who" },
        [...groupBy(members, (endpoint) => endpoint.place)]
          .slice(0, MOST_PLACES)
          .map(([place, found]) => this.place(place, found, members.length)),
      ),
    );
  }

  place(place, found, all) {
    const title = h("b", { class: "name" }, place);
    if (all <= MOST_NAMES) return h("div", { class: "of-place" }, title, this.names(found, place));
    const total = this.page.cluster.places.get(place).length;
    const fold = h(
      "details",
      {
        class: "of-many",
        ontoggle: () => {
          if (fold.open && fold.children.length === 1)
            fold.append(h("div", { class: "of-place" }, this.names(found, place)));
        },
      },
      h(
        "summary",
        {},
        title,
        " ",
        h("small", {}, found.length === total ? `all ${total}` : `${found.length} of ${total}`),
      ),
    );
    return fold;
  }

  names(found, place) {
    const chips = found.slice(0, MOST_OF_PLACE).map((endpoint) =>
      h(
        "button",
        {
          class: "chip plain",
          "data-key": `x ${endpoint.id}`,
          onclick: () => this.page.select({ endpoint }),
          ondblclick: () => this.page.focusOn(endpoint),
        },
        h("span", { class: "name" }, nameOf(endpoint, place)),
      ),
    );
    const rest = found.length - chips.length;
    return rest > 0 ? [...chips, h("small", {}, `and ${rest} more`)] : chips;
  }
}

function danger({ rights }) {
  return Math.max(
    ...rights.map(([ports, places]) => (places.startsWith("anywhere") ? 2 : 0) + (ports === "all" ? 1 : 0)),
  );
}
