// Why a connection is allowed: which rule of which policy says so on each side, or that nothing isolates it there.
// The engine has listed what each rule matches; here only those of one connection are picked out and named.

export function isolatedBy(cluster, endpoint, ingress) {
  return cluster.policies.filter(
    (policy) =>
      policy.ingress === ingress && policy.tier === "NetworkPolicy" && cluster.holds(policy.subjects, endpoint.group),
  );
}

// What decides one side of an allowed connection, as items {text, at, ports}.
export function reasons(cluster, source, destination, portsNumber, ingress) {
  const subject = ingress ? destination : source;
  const peer = ingress ? source : destination;
  if (cluster.near.get(source.index)?.has(destination.index)) {
    return [{ text: "traffic from a pod's own node always enters it" }];
  }
  if (!subject.hasPods)
    return [{ text: `${subject.outside ? "outside the cluster" : "a node"}: no policy selects it` }];
  const speaking = cluster.policies.filter(
    (policy) => policy.ingress === ingress && cluster.holds(policy.subjects, subject.group),
  );
  const found = [];
  const all = cluster.ports[portsNumber].ranges ?? EVERYTHING;
  const afterAdmin = walk(cluster, speaking, "Admin", subject, peer, all, found);
  if (!afterAdmin.length) return found;
  const isolating = speaking.filter((policy) => policy.tier === "NetworkPolicy");
  if (isolating.length) {
    for (const policy of isolating) {
      for (const rule of policy.rules) {
        const ports = matched(cluster, rule, subject, peer, afterAdmin);
        if (ports.length) found.push(named(policy, rule, ports));
      }
    }
    return found;
  }
  const rest = walk(cluster, speaking, "Baseline", subject, peer, afterAdmin, found);
  if (rest.length) found.push({ text: `not isolated for ${ingress ? "ingress" : "egress"}` });
  return found;
}

// Go through the rules of an ordered tier; gives the ports that are left to the next tier.
function walk(cluster, policies, tier, subject, peer, ports, found) {
  let open = ports;
  let passed = [];
  for (const policy of policies) {
    if (policy.tier !== tier) continue;
    for (const rule of policy.rules) {
      const hit = matched(cluster, rule, subject, peer, open);
      if (!hit.length || rule.action === "Deny") continue;
      // A rule that matches only some addresses of an end leaves the rest of them to the rules behind it.
      open = without(open, matched(cluster, rule, subject, peer, hit, true));
      if (rule.action === "Pass") passed = [...passed, ...hit];
      found.push({ ...named(policy, rule, hit), action: rule.action });
    }
  }
  return [...open, ...passed];
}

function matched(cluster, rule, subject, peer, ports, surely = false) {
  const found = [];
  for (const [number, subjects, some, sure = some] of rule.matches) {
    const peers = surely ? sure : some;
    if (cluster.holds(subjects, subject.group) && cluster.holds(peers, peer.group)) {
      found.push(...common(cluster.ports[number].ranges ?? EVERYTHING, ports));
    }
  }
  return found;
}

function named(policy, rule, ports) {
  const title = rule.name ? `rule ${rule.number} "${rule.name}"` : `rule ${rule.number}`;
  return { text: `${policy.name}, ${title}`, policy, number: rule.number, at: rule.at, ports };
}

const EVERYTHING = [
  ["TCP", 1, 65535],
  ["UDP", 1, 65535],
  ["SCTP", 1, 65535],
  ["other", 0, 0],
];

export function common(left, right) {
  const found = [];
  for (const [protocol, first, last] of left) {
    for (const [other, start, end] of right) {
      const low = Math.max(first, start);
      const high = Math.min(last, end);
      if (protocol === other && low <= high) found.push([protocol, low, high]);
    }
  }
  return found;
}

export function without(ranges, taken) {
  let rest = ranges;
  for (const [protocol, first, last] of taken) {
    rest = rest.flatMap(([other, start, end]) => {
      if (other !== protocol || last < start || first > end) return [[other, start, end]];
      const pieces = [];
      if (start < first) pieces.push([other, start, first - 1]);
      if (end > last) pieces.push([other, last + 1, end]);
      return pieces;
    });
  }
  return rest;
}
