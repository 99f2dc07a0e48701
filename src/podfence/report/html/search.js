// Search: type a part of a name, a label or an address; the best matches first.

import { nameOf } from "./data.js";
import { h, say } from "./dom.js";

const MOST = 12;

export function find(cluster, text, most = MOST) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return { found: [], total: 0 };
  const scored = [];
  for (const endpoint of cluster.endpoints) {
    const name = nameOf(endpoint).toLowerCase();
    const all = `${endpoint.id.toLowerCase()} ${name} ${endpoint.labels.join(" ").toLowerCase()}`;
    if (!words.every((word) => all.includes(word))) continue;
    const first = words[0];
    const score =
      endpoint.name.toLowerCase() === first
        ? 0
        : endpoint.name.toLowerCase().startsWith(first)
          ? 1
          : name.includes(first)
            ? 2
            : 3;
    scored.push([score, endpoint]);
  }
  scored.sort((a, b) => a[0] - b[0] || a[1].index - b[1].index);
  return { found: scored.slice(0, most).map(([, endpoint]) => endpoint), total: scored.length };
}

export function searchBox(page) {
  let chosen = 0;
  let found = [];
  const list = h("ul", { id: "found", role: "listbox", "aria-label": "Search results", hidden: true });
  const input = h("input", {
    id: "search",
    type: "search",
    placeholder: "Search (press /)",
    autocomplete: "off",
    spellcheck: "false",
    role: "combobox",
    "aria-label": "Search workloads, nodes and addresses",
    "aria-controls": "found",
    "aria-expanded": "false",
    "aria-autocomplete": "list",
    oninput: () => {
      chosen = 0;
      show();
    },
    onkeydown: (event) => {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        chosen = Math.max(0, Math.min(found.length - 1, chosen + (event.key === "ArrowDown" ? 1 : -1)));
        mark();
      } else if (event.key === "Enter" && found[chosen]) take(found[chosen]);
      else if (event.key === "Escape") {
        input.value = "";
        show();
        input.blur();
      }
    },
    onblur: () => setTimeout(() => open(false), 150),
    onfocus: () => show(),
  });

  function show() {
    const result = find(page.cluster, input.value);
    found = result.found;
    list.replaceChildren(
      ...found.map((endpoint, index) =>
        h(
          "li",
          {
            role: "option",
            id: `found-${index}`,
            onmousedown: (event) => {
              event.preventDefault();
              take(endpoint);
            },
          },
          h("span", { class: "name" }, nameOf(endpoint)),
          h("small", {}, endpoint.kind),
        ),
      ),
    );
    if (result.total > found.length)
      list.append(
        h(
          "li",
          { class: "rest", "aria-hidden": "true" },
          `${(result.total - found.length).toLocaleString("en")} more: type more`,
        ),
      );
    if (input.value.trim() && !found.length) list.append(h("li", { class: "rest" }, "nothing of that name"));
    open(Boolean(input.value.trim()));
    if (input.value.trim()) say(`${result.total} found`);
    mark();
  }

  function open(yes) {
    list.hidden = !yes;
    input.setAttribute("aria-expanded", String(yes));
  }

  function mark() {
    [...list.querySelectorAll("[role=option]")].forEach((item, index) =>
      item.setAttribute("aria-selected", String(index === chosen)),
    );
    if (found.length) input.setAttribute("aria-activedescendant", `found-${chosen}`);
    else input.removeAttribute("aria-activedescendant");
  }

  function take(endpoint) {
    input.value = "";
    show();
    page.focusOn(endpoint);
    page.main.focus();
  }

  return h("div", { class: "search", role: "search" }, input, list);
}
