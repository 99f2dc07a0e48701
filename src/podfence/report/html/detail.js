// What is selected, in words: an endpoint with what isolates it, or a connection with the rules that allow it.

import { count, groupBy, nameOf } from "./data.js";
import { h } from "./dom.js";
import { isolatedBy, reasons } from "./reasons.js";

const MOST = 12;

export function detail(page) {
  const { selected } = page;
  if (!selected) return [h("p", { class: "hint" }, page.hint)];
  const close = h(
    "button",
    { class: "quiet close", "data-key": "close", "aria-label": "Close the details", onclick: () => page.unselect() },
    "✕",
  );
  return [close, ...(selected.to ? connection(page, selected.from, selected.to) : endpoint(page, selected.endpoint))];
}

function endpoint(page, found) {
  const { cluster } = page;
  const facts = [found.kind, found.pods ? count(found.pods, "pod") : "", ...found.labels].filter(Boolean);
  return [
    h("h2", { class: "name" }, nameOf(found)),
    h(
      "p",
      { class: "facts" },
      facts.map((fact) => h("span", { class: "fact" }, fact)),
    ),
    page.view === "focus" && page.focus === found
      ? ""
      : h(
          "p",
          {},
          h("button", { class: "primary", "data-key": "focus", onclick: () => page.focusOn(found) }, "Focus on it"),
        ),
    ...(found.hasPods ? [isolation(cluster, found, true), isolation(cluster, found, false)] : []),
    peers(page, "Reached from", cluster.reachedFrom(found), (other) => [other, found]),
    peers(page, "Reaches", cluster.reaches(found), (other) => [found, other]),
  ];
}

function isolation(cluster, found, ingress) {
  const policies = isolatedBy(cluster, found, ingress);
  const title = ingress ? "Entering" : "Leaving";
  const items = policies
    .slice(0, MOST)
    .map((policy) => h("li", {}, policyText(cluster, policy, policy.at, policy.name)));
  return h(
    "div",
    { class: "side" },
    h("h3", {}, title),
    policies.length
      ? h(
          "p",
          {},
          `Isolated for ${ingress ? "ingress" : "egress"} by ${policies.length === 1 ? "one policy" : `${policies.length} policies`}:`,
        )
      : h("p", {}, `Not isolated for ${ingress ? "ingress" : "egress"}: no NetworkPolicy selects it.`),
    items.length ? h("ul", {}, items) : "",
    policies.length > MOST ? h("p", {}, `and ${policies.length - MOST} more`) : "",
  );
}

function peers(page, title, found, ends) {
  const rows = [...found].slice(0, MOST).map(([other, ports]) =>
    h(
      "li",
      {},
      h(
        "button",
        {
          class: "link",
          "data-key": `${title} ${other.id}`,
          onclick: () => page.select({ from: ends(other)[0], to: ends(other)[1] }),
        },
        h("span", { class: "name" }, nameOf(other)),
        " ",
        h("span", { class: "ports" }, page.cluster.portsText(ports)),
      ),
    ),
  );
  return h(
    "div",
    { class: "side" },
    h("h3", {}, `${title} ${found.size.toLocaleString("en")}`),
    rows.length ? h("ul", { class: "peers" }, rows) : h("p", {}, "nobody"),
    found.size > MOST ? h("p", {}, `and ${(found.size - MOST).toLocaleString("en")} more: focus, or the table`) : "",
  );
}

function connection(page, from, to) {
  const { cluster } = page;
  const ports = cluster.between(from, to);
  const changes = page.changes?.between(from, to) ?? [];
  return [
    h("h2", {}, h("span", { class: "name" }, nameOf(from)), " → ", h("span", { class: "name" }, nameOf(to))),
    h("p", { class: "ports big" }, ports < 0 ? "no connection" : cluster.portsText(ports)),
    ...changes.map((change) => page.changes.sentence(change)),
    ...(ports < 0
      ? [why(cluster, from, to)]
      : [side(cluster, from, to, ports, false), side(cluster, from, to, ports, true)]),
    h(
      "p",
      {},
      h("button", { class: "quiet", onclick: () => page.select({ endpoint: from }) }, "About the source"),
      " ",
      h("button", { class: "quiet", onclick: () => page.select({ endpoint: to }) }, "About the destination"),
    ),
  ];
}

function why(cluster, from, to) {
  return h(
    "div",
    { class: "side" },
    isolation(cluster, from, false),
    isolation(cluster, to, true),
    h("p", {}, "podfence why says which rule comes closest."),
  );
}

function side(cluster, from, to, ports, ingress) {
  const found = reasons(cluster, from, to, ports, ingress);
  const same = groupBy(found, (reason) => `${reason.text} ${reason.at ?? ""} ${reason.action ?? ""}`);
  return h(
    "div",
    { class: "side" },
    h("h3", {}, ingress ? "Entering " : "Leaving ", h("span", { class: "name" }, nameOf(ingress ? to : from))),
    h(
      "ul",
      {},
      [...same.values()].slice(0, 40).map(([reason]) => h("li", {}, reasonText(cluster, reason))),
    ),
  );
}

function reasonText(cluster, reason) {
  if (!reason.policy) return reason.text;
  const verb = reason.action === "Pass" ? "passed on by " : "allowed by ";
  const tier = reason.policy.tier === "NetworkPolicy" ? "" : ` (${reason.policy.kind}, ${reason.policy.tier} tier)`;
  return h("span", {}, verb, policyText(cluster, reason.policy, reason.at, reason.text), tier);
}

export function policyText(cluster, policy, at, text) {
  const namespace = policy.namespace ? `${policy.namespace}/` : "";
  const place = at ? ` ${cluster.files[at[0]]}:${at[1]}` : "";
  return h(
    "span",
    { class: "policy" },
    h("b", { class: "name" }, namespace + text),
    place ? h("code", {}, place.trim()) : "",
  );
}
