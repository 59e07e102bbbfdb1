// What the reader chose: sites and a group to look at, and one task. Views are told when it changes.

const groupOf = [];
plan.groups.forEach((group, index) => group.tasks.forEach((task) => { groupOf[task] = index; }));

const choice = {
  sites: new Set(),
  group: -1,
  task: -1,
  views: [],
  shows(task) {
    const { site } = plan.tasks[task];
    return (!this.sites.size || this.sites.has(site)) && (this.group < 0 || groupOf[task] === this.group);
  },
  showsSite(site) {
    return !this.sites.size || this.sites.has(site);
  },
  changed() {
    for (const view of this.views) view();
  },
};

// Edges, transfers and neighbours by task.
const before = plan.tasks.map(() => []);
const after = plan.tasks.map(() => []);
plan.edges.forEach((edge) => {
  if (after[edge[0]]) after[edge[0]].push(edge);
  if (before[edge[1]]) before[edge[1]].push(edge);
});
const broughtTo = plan.tasks.map(() => []);
plan.transfers.forEach((transfer) => transfer.readers.forEach((task) => broughtTo[task].push(transfer)));
const bytesTo = broughtTo.map((transfers) => transfers.reduce((sum, transfer) => sum + transfer.bytes, 0));
const tasksAt = plan.sites.map(() => 0);
plan.tasks.forEach((task) => { tasksAt[task.site] += 1; });
