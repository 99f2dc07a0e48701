// Curves over a part of the page, from element to element. They are decoration: the facts stand in the lists.

import { svg } from "./dom.js";

const KINDS = ["resting", "into", "out", "opened", "closed"];

const MANY = 40;

export function overlay(host) {
  const layer = svg("svg", { class: "curves", "aria-hidden": "true", focusable: "false" });
  const heads = svg("defs");
  for (const kind of KINDS) {
    const head = svg("marker", {
      id: `head-${kind}`,
      class: kind,
      viewBox: "0 0 8 8",
      refX: 7,
      refY: 4,
      markerWidth: 8,
      markerHeight: 8,
      markerUnits: "userSpaceOnUse",
      orient: "auto",
    });
    head.append(svg("path", { d: "M0 0L8 4L0 8Z" }));
    heads.append(head);
  }
  layer.append(heads);
  host.prepend(layer);
  return layer;
}

// Draw curves {from, to, kind}; gives how many were drawn.
export function draw(layer, host, wanted) {
  const frame = host.getBoundingClientRect();
  layer.setAttribute("width", 0);
  layer.setAttribute("height", 0);
  layer.classList.toggle("many", wanted.length > MANY);
  layer.setAttribute("width", host.scrollWidth);
  layer.setAttribute("height", host.scrollHeight);
  const boxes = new Map();
  const box = (element) => {
    if (!boxes.has(element)) {
      const found = element.getBoundingClientRect();
      boxes.set(element, {
        left: found.left - frame.left + host.scrollLeft,
        right: found.right - frame.left + host.scrollLeft,
        middle: found.top - frame.top + host.scrollTop + found.height / 2,
        drawn: found.width > 0,
      });
    }
    return boxes.get(element);
  };
  const paths = [];
  for (const { from, to, kind } of wanted) {
    const [a, b] = [box(from), box(to)];
    if (a.drawn && b.drawn)
      paths.push(svg("path", { d: curve(a, b), class: `curve ${kind}`, "marker-end": `url(#head-${kind})` }));
  }
  layer.replaceChildren(layer.firstChild, ...paths);
  return paths.length;
}

function curve(a, b) {
  if (b.left >= a.right) {
    const bend = Math.max((b.left - a.right) / 2, 18);
    return `M${a.right} ${a.middle}C${a.right + bend} ${a.middle} ${b.left - bend} ${b.middle} ${b.left} ${b.middle}`;
  }
  if (b.right <= a.left) {
    const bend = Math.max((a.left - b.right) / 2, 18);
    return `M${a.left} ${a.middle}C${a.left - bend} ${a.middle} ${b.right + bend} ${b.middle} ${b.right} ${b.middle}`;
  }
  const out = Math.max(a.right, b.right) + 14 + Math.min(Math.abs(a.middle - b.middle) / 8, 26);
  return `M${a.right} ${a.middle}C${out} ${a.middle} ${out} ${b.middle} ${b.right} ${b.middle}`;
}
