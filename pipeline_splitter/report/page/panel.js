// One thing at a time, in full: a task, a group, data at rest, or what goes from one site to another.

const panel = byId("panel");
let cameFrom = null;

function showPanel(...children) {
  if (panel.hidden) cameFrom = document.activeElement;
  const close = make("button", { type: "button", class: "icon close", "aria-label": "Close", on: { click: hidePanel } },
    draw("svg", { viewBox: "0 0 24 24", width: 18, height: 18, "aria-hidden": "true" }, draw("path", { d: "M6 6l12 12M18 6L6 18" })));
  panel.replaceChildren(close, ...children.flat().filter(Boolean));
  panel.hidden = false;
  besidePanel();
  panel.scrollTop = 0;
  panel.focus({ preventScroll: true });
}

// Where there is room, the page moves aside instead of being covered.
function besidePanel() {
  const aside = !panel.hidden && window.innerWidth >= 1100;
  if (aside === document.body.classList.contains("aside")) return;
  document.body.classList.toggle("aside", aside);
  drawFlows();
  drawRows();
}

function hidePanel() {
  panel.hidden = true;
  besidePanel();
  choice.task = -1;
  choice.changed();
  if (cameFrom && cameFrom.isConnected) cameFrom.focus({ preventScroll: true });
}

function title(text, kind) {
  return [make("p", { class: "eyebrow" }, kind), make("h2", { id: "panel-title" }, text)];
}

function part(heading, ...children) {
  const inside = children.flat().filter(Boolean);
  return inside.length ? [make("h3", {}, heading), ...inside] : [];
}

function item(left, right, ...sentences) {
  return make("div", { class: "item" },
    make("div", { class: "line" }, make("span", {}, left), make("span", { class: "number" }, right)),
    sentences.filter(Boolean).map((sentence) => make("p", {}, sentence)));
}

function taskLink(task) {
  return make("button", { type: "button", class: "link", on: { click: () => showTask(task) } }, taskName(task));
}

function groupLink(index) {
  return make("button", { type: "button", class: "link", on: { click: () => showGroup(index) } }, plan.groups[index].id);
}

// At most so many, then how many more.
function some(values, each, most = 30) {
  const shown = values.slice(0, most).map(each);
  if (values.length > most) shown.push(make("p", { class: "quiet" }, `and ${(values.length - most).toLocaleString("en")} more`));
  return shown;
}

function words(list, nobody) {
  return list.length ? list.join(", ") : nobody;
}

function ruleBadges(rules) {
  const sites = rules.sites || {};
  const said = [
    rules.classification || "public",
    rules.residency && `stays in ${words(rules.residency, "no place at all")}`,
    sites.allow && `only at ${words(sites.allow, "no site")}`,
    sites.deny && `not at ${words(sites.deny, "")}`,
    rules.purposes && `for ${words(rules.purposes, "no purpose")}`,
    rules.consumers && `read by ${words(rules.consumers, "nobody")}`,
    rules.confidentialCompute && "confidential compute",
  ];
  return make("div", { class: "rules" }, said.filter(Boolean).map((text) => make("span", { class: "badge" }, text)));
}

function elsewhere([site, delta, denial]) {
  if (delta !== null) return item(siteLabel(site), make("span", { class: delta > 0 ? "more" : delta < 0 ? "less" : "quiet" }, deltaText(delta)));
  const { rule, message } = plan.denials[denial];
  return item(siteLabel(site), make("span", { class: "badge bad" }, rule), message);
}

function deltaText(delta) {
  return delta === 0 ? "costs the same" : `${change(objective, delta)}${OBJECTIVES[objective].steps.length || OBJECTIVES[objective].currency ? "" : ` ${OBJECTIVES[objective].noun}`.trimEnd()}`;
}

function transferItem(transfer, left) {
  return item(left, bytes(transfer.bytes),
    `${siteName(transfer.from)} → ${siteName(transfer.to)}; ${duration(transfer.seconds)}; ${prices(transfer).join("; ")}${transfer.assumed ? "; its size is a default, because nothing states it" : ""}`,
    transfer.readers.length > 1 ? `brought once for ${count(transfer.readers.length, "task")}` : "");
}

function showTask(task) {
  const one = plan.tasks[task];
  const end = plan.costs.time || 1;
  const track = make("i");
  track.style.left = `${(100 * one.start) / end}%`;
  track.style.width = `${Math.max(0.5, (100 * (one.end - one.start)) / end)}%`;
  const release = plan.releases.find((other) => other.task === one.name);
  const leaving = plan.transfers.filter((transfer) => transfer.by === task);
  const assumed = one.assumed.map((word) => `${word}: a default, because nothing states it`);
  choice.task = task;
  if (!open.has(groupOf[task]) && groupOf[task] !== undefined) {
    open.add(groupOf[task]);
    if (graph.view === "graph") drawGraph();
  }
  choice.changed();
  const neighbours = (edges, at) => [...new Set(edges.map((edge) => edge[at]).filter((other) => other < plan.tasks.length))];
  showPanel(
    title(taskName(task), one.inserted ? "Inserted release" : one.unit ? "Unit: a loop, condition or exit handler" : "Task"),
    make("p", { class: "facts" }, one.title ? make("span", {}, one.name) : "", siteLabel(one.site), groupOf[task] === undefined ? "" : make("span", {}, "in ", groupLink(groupOf[task]))),
    release ? make("p", { class: "note" }, `The plan inserted it: release ${release.release} of ${release.dataset}, read by ${release.readers.join(", ")}. It reads ${release.datum}.`) : null,
    part("Why here", make("p", { class: "lead" }, plan.sayings[one.why])),
    part("When", make("div", { class: `track ${siteClass(one.site)}` }, track), make("p", { class: "facts" }, `starts after ${duration(one.start)}, takes ${duration(one.end - one.start)}, ends at ${duration(one.end)}`)),
    part(`Why not elsewhere`, one.elsewhere.map(elsewhere)),
    part("Brought in from other sites", some(broughtTo[task], (transfer) => transferItem(transfer, transfer.what))),
    part("Sent to other sites", some(leaving, (transfer) => transferItem(transfer, transfer.what))),
    part("Rules that its data carry", one.carries.map((index) => make("div", { class: "item" }, make("span", {}, plan.carried[index][0]), ruleBadges(plan.carried[index][1])))),
    part("Assumed", assumed.map((text) => make("p", {}, text))),
    part("Waits for", some(neighbours(before[task], 0), (other) => make("div", {}, taskLink(other)), 12)),
    part("Needed by", some(neighbours(after[task], 1), (other) => make("div", {}, taskLink(other)), 12)));
  const node = graphBox.querySelector(`[data-task="${task}"]`);
  if (node) intoView(node);
}

function showGroup(index) {
  const group = plan.groups[index];
  choice.task = -1;
  choice.changed();
  const linkTo = (id) => {
    const other = plan.groups.findIndex((one) => one.id === id);
    return other < 0 ? id : groupLink(other);
  };
  showPanel(
    title(group.id, "Group: submitted as one pipeline"),
    make("p", { class: "facts" }, siteLabel(group.site), make("span", {}, count(group.tasks.length, "task")), group.file ? make("span", {}, group.file) : ""),
    part("Starts after", some(group.after, (id) => make("div", {}, linkTo(id)))),
    part("Imports", some(group.imports, ([parameter, what, from]) => item(what, parameter, from ? `made by ${from}` : "exists before the run"))),
    part("Exports", some(group.exports, ([output, what]) => item(what, output))),
    part("Tasks", some(group.tasks, (task) => make("div", {}, taskLink(task)), 60)));
}

function showStock(index) {
  const stock = plan.stocks[index];
  const number = plan.tasks.length + index;
  const readers = plan.edges.filter((edge) => edge[0] === number).map((edge) => edge[1]);
  choice.task = -1;
  choice.changed();
  showPanel(
    title(stock.name, "Data before the run"),
    make("p", { class: "facts" }, siteLabel(stock.site), make("span", {}, bytes(stock.bytes)), stock.dataset ? make("span", {}, `dataset ${stock.dataset}`) : ""),
    stock.assumed ? part("Assumed", make("p", {}, "its size: a default, because nothing states it")) : null,
    part("Read by", some(readers, (task) => make("div", {}, taskLink(task)))));
}

function showPair(pair) {
  choice.task = -1;
  choice.changed();
  showPanel(
    title(`${siteName(pair.from)} → ${siteName(pair.to)}`, "What moves"),
    make("p", { class: "facts" }, make("span", {}, bytes(pair.bytes)), prices(pair).map((text) => make("span", {}, text))),
    part(count(pair.transfers.length, "thing"), some([...pair.transfers].sort((one, other) => other.bytes - one.bytes), (transfer) => transferItem(transfer, transfer.what), 60)));
}
