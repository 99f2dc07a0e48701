// How many reach each group and how many it reaches, and the same between places: counted once, group by group.

export class Degrees {
  constructor(cluster) {
    this.cluster = cluster;
    this.placeNames = [...cluster.places.keys()];
    const placeOf = new Map(this.placeNames.map((name, index) => [name, index]));
    this.insideOf = cluster.groups.map((members) => members.filter((m) => cluster.endpoints[m].hasPods).length);
    this.addressesOf = cluster.groups.map(
      (members) => members.filter((m) => cluster.endpoints[m].kind === "External").length,
    );
    this.outsideOf = cluster.groups.map((members) => members.filter((m) => cluster.endpoints[m].outside).length);
    this.placesOf = cluster.groups.map((members) => {
      const found = new Map();
      for (const member of members) {
        const place = placeOf.get(cluster.endpoints[member].place);
        found.set(place, (found.get(place) ?? 0) + 1);
      }
      return [...found];
    });
    this.inInside = new Float64Array(cluster.groups.length);
    this.inFree = new Float64Array(cluster.groups.length);
    this.freeOf = cluster.groups.map((members) => members.filter((m) => this.isFree(cluster.endpoints[m])).length);
    this.free = this.freeOf.reduce((sum, number) => sum + number, 0);
    this.inAddresses = new Float64Array(cluster.groups.length);
    this.inOutside = new Float64Array(cluster.groups.length);
    this.outAddresses = new Float64Array(cluster.groups.length);
    this.outOutside = new Float64Array(cluster.groups.length);
    const size = this.placeNames.length;
    this.cells = size * size <= 4_000_000 ? new Float64Array(size * size) : null;
    this.byPlace = new Map();
    cluster.rows.forEach((row, group) => this.addRow(row, group, size));
  }

  addRow(row, group, size) {
    for (let index = 1; index < row.length; index += 2) {
      for (const reached of this.cluster.groupsIn(row[index])) {
        this.inInside[reached] += this.insideOf[group];
        this.inFree[reached] += this.freeOf[group];
        this.inAddresses[reached] += this.addressesOf[group];
        this.inOutside[reached] += this.outsideOf[group];
        this.outAddresses[group] += this.addressesOf[reached];
        this.outOutside[group] += this.outsideOf[reached];
      }
      if (this.cells) {
        for (const [place, members] of this.placesOf[group]) {
          for (const [other, total] of this.totals(row[index])) this.cells[place * size + other] += members * total;
        }
      }
    }
    // Rows hold an endpoint itself; that is a connection only when it stands for several pods.
    if (this.cells && this.cluster.betweenGroups(group, group) >= 0) {
      for (const member of this.cluster.groups[group]) {
        const endpoint = this.cluster.endpoints[member];
        const place = this.placeNames.indexOf(endpoint.place);
        if (!endpoint.repeated) this.cells[place * size + place] -= 1;
      }
    }
  }

  // The members of a set by place.
  totals(set) {
    let found = this.byPlace.get(set);
    if (!found) {
      found = new Map();
      for (const group of this.cluster.groupsIn(set)) {
        for (const [place, members] of this.placesOf[group]) found.set(place, (found.get(place) ?? 0) + members);
      }
      this.byPlace.set(set, found);
    }
    return found;
  }

  isFree(endpoint) {
    return endpoint.hasPods && !(endpoint.isolated & 1);
  }

  // Who reaches an endpoint, in one word: everyone (on all ports), outside, some or nobody.
  reachedBy(endpoint) {
    const group = endpoint.group;
    const self = this.cluster.betweenGroups(group, group) >= 0 && !endpoint.repeated ? 1 : 0;
    if (!(endpoint.isolated & 2) && this.letsAnyoneIn(endpoint)) return "everyone";
    if (this.inOutside[group]) return "outside";
    return this.inInside[group] - self > 0 ? "some" : "nobody";
  }

  // Whether everybody whom no policy holds back reaches an endpoint, from outside too, be it on one port.
  letsAnyoneIn(endpoint) {
    const group = endpoint.group;
    const self = this.isFree(endpoint) && this.cluster.betweenGroups(group, group) < 0 ? 1 : 0;
    return this.inFree[group] >= this.free - self && this.inAddresses[group] >= this.cluster.addresses.length;
  }

  leaves(endpoint) {
    if (!this.outOutside[endpoint.group]) return "no";
    const everywhere =
      this.cluster.addresses.length && this.outAddresses[endpoint.group] >= this.cluster.addresses.length;
    return everywhere ? "anywhere" : "some";
  }
}

export const REACHED = {
  everyone: "open to everyone, from outside too",
  outside: "reached from outside the cluster",
  some: "reached only from inside",
  nobody: "reached by nobody",
};
