// The facts of the page: endpoints in groups that reach and are reached alike, and who reaches whom.
// It reads what report/picture_json.py wrote. It decides nothing that the engine has not decided.

const NONE = -1;

export class Cluster {
  constructor(data) {
    this.endpoints = data.endpoints.map((row, index) => ({ labels: [], pods: 0, isolated: 0, ...row, index }));
    this.groups = data.groups;
    this.rows = data.rows;
    this.policies = data.policies;
    this.ports = data.ports;
    this.files = data.files;
    this.words = (data.groups.length + 31) >> 5;
    this.writtenSets = data.sets;
    this.sets = new Array(data.sets.length);
    this.allPorts = this.ports.findIndex((ports) => ports.ranges === null);
    if (this.allPorts < 0) this.allPorts = this.ports.push({ text: "all", ranges: null }) - 1;
    for (const endpoint of this.endpoints) {
      endpoint.hasPods = !["Node", "External", "Domain"].includes(endpoint.kind);
      endpoint.outside = endpoint.kind === "External" || endpoint.kind === "Domain";
      endpoint.place = endpoint.namespace ?? (endpoint.outside ? "Outside the cluster" : "Nodes");
    }
    this.groups.forEach((members, group) => {
      for (const member of members) this.endpoints[member].group = group;
    });
    this.near = new Map(data.near.map(([source, found]) => [source, new Set(found)]));
    this.nodesOf = new Map();
    for (const [source, found] of this.near) for (const member of found) push(this.nodesOf, member, source);
    this.places = groupBy(this.endpoints, (endpoint) => endpoint.place);
    this.inside = this.endpoints.filter((endpoint) => endpoint.hasPods);
    this.addresses = this.endpoints.filter((endpoint) => endpoint.kind === "External");
    this.rest = this.addresses.find((endpoint) => endpoint.rest);
    this.byId = new Map(this.endpoints.map((endpoint) => [endpoint.id, endpoint]));
  }

  // A set of groups as a bitset, made out of the set before it from which it was written.
  set(number) {
    if (this.sets[number]) return this.sets[number];
    const [base, ...runs] = this.writtenSets[number];
    const bits = base < 0 ? new Uint32Array(this.words) : this.set(base).slice();
    for (const group of numbersIn(runs)) bits[group >> 5] ^= 1 << (group & 31);
    this.sets[number] = bits;
    return bits;
  }

  holds(number, group) {
    return (this.set(number)[group >> 5] >>> (group & 31)) & 1;
  }

  *groupsIn(number) {
    const bits = this.set(number);
    for (let word = 0; word < bits.length; word++) {
      for (let rest = bits[word]; rest; rest &= rest - 1) yield (word << 5) + 31 - Math.clz32(rest & -rest);
    }
  }

  // The number of the ports on which one endpoint reaches another, -1 for none.
  between(source, destination) {
    if (this.near.get(source.index)?.has(destination.index)) return this.allPorts;
    if (source === destination && !source.repeated) return NONE;
    return this.betweenGroups(source.group, destination.group);
  }

  betweenGroups(source, destination) {
    const row = this.rows[source];
    for (let index = 0; index < row.length; index += 2) if (this.holds(row[index + 1], destination)) return row[index];
    return NONE;
  }

  // Everybody whom an endpoint reaches, as a map from endpoints to the number of their ports, in order.
  reaches(source) {
    const found = [];
    const row = this.rows[source.group];
    for (let index = 0; index < row.length; index += 2) {
      for (const group of this.groupsIn(row[index + 1])) {
        for (const member of this.groups[group]) found.push([member, row[index]]);
      }
    }
    for (const member of this.near.get(source.index) ?? []) found.push([member, this.allPorts]);
    return this.inOrder(found, source);
  }

  // Everybody who reaches an endpoint, as a map from endpoints to the number of their ports, in order.
  reachedFrom(destination) {
    const found = [];
    for (let group = 0; group < this.rows.length; group++) {
      const ports = this.betweenGroups(group, destination.group);
      if (ports !== NONE) for (const member of this.groups[group]) found.push([member, ports]);
    }
    for (const node of this.nodesOf.get(destination.index) ?? []) found.push([node, this.allPorts]);
    return this.inOrder(found, destination);
  }

  inOrder(found, self) {
    const map = new Map();
    for (const [member, ports] of found.sort((a, b) => a[0] - b[0])) {
      if (member === self.index && !self.repeated) continue;
      map.set(this.endpoints[member], ports);
    }
    // What runs on a node is reached from it on all ports, whatever the row says.
    for (const [member, ports] of found)
      if (ports === this.allPorts) {
        if (map.has(this.endpoints[member])) map.set(this.endpoints[member], ports);
      }
    return map;
  }

  portsText(number) {
    return number === NONE ? "nothing" : this.ports[number].text;
  }

  // Outside endpoints in words: anywhere, or where.
  placesText(endpoints) {
    const addresses = endpoints.filter((endpoint) => endpoint.kind === "External");
    const names = endpoints.filter((endpoint) => endpoint.kind !== "External").map((endpoint) => endpoint.name);
    if (addresses.length && addresses.length === this.addresses.length) return ["anywhere", ...names].join(", ");
    const all = [...addresses.map((endpoint) => endpoint.name), ...names];
    return all.length > 4 ? `${all.slice(0, 3).join(", ")} and ${all.length - 3} more` : all.join(", ");
  }
}

// The numbers of runs: how many are left out, how many follow, and so on.
export function* numbersIn(runs) {
  let at = 0;
  for (let index = 0; index < runs.length; index += 2) {
    at += runs[index];
    for (const end = at + runs[index + 1]; at < end; at++) yield at;
  }
}

// A name for people: with its namespace unless that goes without saying, its kind where it is not a workload.
export function nameOf(endpoint, home) {
  if (endpoint.kind === "External") return endpoint.name;
  if (endpoint.kind === "Node") return `node/${endpoint.name}`;
  return !endpoint.namespace || endpoint.namespace === home ? endpoint.name : `${endpoint.namespace}/${endpoint.name}`;
}

export function count(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

export function groupBy(items, key) {
  const found = new Map();
  for (const item of items) push(found, key(item), item);
  return found;
}

export function push(map, key, item) {
  const known = map.get(key);
  if (known) known.push(item);
  else map.set(key, [item]);
}
