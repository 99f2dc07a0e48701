// Layers from left to right for a small graph: whoever starts connections comes first. Deterministic, and linear in
// nodes and edges; edges that would turn back are left out of the count.

const MOST_LAYERS = 6;

export function layers(nodes, edges) {
  const next = new Map(nodes.map((node) => [node, []]));
  const incoming = new Map(nodes.map((node) => [node, 0]));
  for (const [from, to] of edges) {
    if (from === to || !next.has(from) || !next.has(to)) continue;
    next.get(from).push(to);
    incoming.set(to, incoming.get(to) + 1);
  }
  const order = topological(nodes, next, incoming);
  const depth = new Map(nodes.map((node) => [node, 0]));
  const rank = new Map(order.map((node, index) => [node, index]));
  for (const node of order) {
    for (const other of next.get(node)) {
      if (rank.get(other) > rank.get(node)) depth.set(other, Math.max(depth.get(other), depth.get(node) + 1));
    }
  }
  const found = [];
  for (const node of order) (found[Math.min(depth.get(node), MOST_LAYERS - 1)] ??= []).push(node);
  return found.filter(Boolean);
}

// An order in which most edges point forward: depth first from those whom the fewest reach.
function topological(nodes, next, incoming) {
  const starts = [...nodes].sort(
    (a, b) => incoming.get(a) - incoming.get(b) || next.get(b).length - next.get(a).length,
  );
  const seen = new Set();
  const found = [];
  for (const start of starts) {
    const stack = [[start, 0]];
    while (stack.length) {
      const top = stack[stack.length - 1];
      const [node, at] = top;
      if (at === 0) {
        if (seen.has(node)) {
          stack.pop();
          continue;
        }
        seen.add(node);
      }
      const children = next.get(node);
      let index = at;
      while (index < children.length && seen.has(children[index])) index++;
      top[1] = index + 1;
      if (index < children.length) stack.push([children[index], 0]);
      else {
        found.push(node);
        stack.pop();
      }
    }
  }
  return found.reverse();
}
