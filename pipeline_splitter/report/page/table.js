// All tasks. Only the rows in sight are in the page, so that thousands scroll as well as ten.

const COLUMNS = [
  ["name", "Task", taskName],
  ["site", "Site", (task) => siteName(plan.tasks[task].site)],
  ["group", "Group", (task) => (groupOf[task] === undefined ? "" : plan.groups[groupOf[task]].id)],
  ["start", "Start", (task) => plan.tasks[task].start],
  ["takes", "Takes", (task) => plan.tasks[task].end - plan.tasks[task].start],
  ["brought", "Brought in", (task) => bytesTo[task]],
  ["why", "Why here", (task) => plan.sayings[plan.tasks[task].why]],
];
const NUMBERS = new Set(["start", "takes", "brought"]);
const list = { order: [], by: "start", down: false, rows: null, filler: null };

function sortTasks() {
  const key = COLUMNS.find((column) => column[0] === list.by)[2];
  const shown = plan.tasks.map((_, task) => task).filter((task) => choice.shows(task));
  const keys = new Map(shown.map((task) => [task, key(task)]));
  const sign = list.down ? -1 : 1;
  shown.sort((one, other) => {
    const [a, b] = [keys.get(one), keys.get(other)];
    return (a < b ? -1 : a > b ? 1 : 0) * sign || one - other;
  });
  list.order = shown;
}

function row(place, height) {
  const task = list.order[place];
  const one = plan.tasks[task];
  const cell = (name, ...children) => make("span", { role: "cell", class: name }, ...children);
  const line = make("div", {
    class: "row",
    role: "row",
    tabindex: 0,
    "aria-rowindex": place + 2,
    "data-row": task,
    on: { ...pressable(() => showTask(task)) },
  },
  cell("name", taskName(task), one.title ? " " : "", one.title ? make("small", { class: "quiet" }, one.name) : "", one.inserted ? " " : "", one.inserted ? make("span", { class: "badge" }, "release") : ""),
  cell("there", siteLabel(one.site)),
  cell("wide-only", groupOf[task] === undefined ? "" : plan.groups[groupOf[task]].id),
  cell("wide-only right", duration(one.start)),
  cell("wide-only right", duration(one.end - one.start)),
  cell("brought right", bytesTo[task] ? bytes(bytesTo[task]) : make("span", { class: "quiet" }, "–")),
  cell("why", plan.sayings[one.why]));
  line.style.top = `${place * height}px`;
  line.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    focusRow(place + step, height);
  });
  return line;
}

function focusRow(place, height) {
  if (place < 0 || place >= list.order.length) return;
  const top = place * height;
  if (top < list.rows.scrollTop) list.rows.scrollTop = top;
  if (top + height > list.rows.scrollTop + list.rows.clientHeight) list.rows.scrollTop = top + height - list.rows.clientHeight;
  drawRows();
  const next = list.filler.querySelector(`[data-row="${list.order[place]}"]`);
  if (next) next.focus({ preventScroll: true });
}

function drawRows() {
  const height = list.rows.clientWidth < 640 && window.innerWidth <= 640 ? 66 : 44;
  list.filler.style.height = `${list.order.length * height}px`;
  const first = Math.max(0, Math.floor(list.rows.scrollTop / height) - 6);
  const last = Math.min(list.order.length, Math.ceil((list.rows.scrollTop + list.rows.clientHeight) / height) + 6);
  const focused = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.row : undefined;
  const fragment = document.createDocumentFragment();
  for (let place = first; place < last; place += 1) fragment.append(row(place, height));
  list.filler.replaceChildren(fragment);
  if (focused !== undefined) {
    const again = list.filler.querySelector(`[data-row="${focused}"]`);
    if (again) again.focus({ preventScroll: true });
  }
}

function refill() {
  sortTasks();
  list.rows.scrollTop = 0;
  list.sum.textContent = list.order.length === plan.tasks.length ? count(plan.tasks.length, "task") : `${list.order.length.toLocaleString("en")} of ${count(plan.tasks.length, "task")}`;
  drawRows();
}

function startTable() {
  list.filler = make("div", { class: "filler", role: "rowgroup" });
  list.rows = make("div", { class: "rows", on: { scroll: () => requestAnimationFrame(drawRows) } }, list.filler);
  list.sum = make("span", { class: "quiet" });
  const heads = COLUMNS.map(([name, text]) => {
    const head = make("span", { role: "columnheader", class: `${NUMBERS.has(name) ? "right" : ""}${["group", "start", "takes"].includes(name) ? " wide-only" : ""}` }, button(text, () => {
      list.down = list.by === name && !list.down;
      list.by = name;
      mark();
      refill();
    }));
    head.dataset.column = name;
    return head;
  });
  const mark = () => heads.forEach((head) => {
    if (head.dataset.column === list.by) head.setAttribute("aria-sort", list.down ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
    head.firstChild.textContent = COLUMNS.find((column) => column[0] === head.dataset.column)[1] + (head.dataset.column === list.by ? (list.down ? " ↓" : " ↑") : "");
  });
  mark();
  byId("tasks-tools").append(list.sum);
  byId("tasks-table").append(make("div", { role: "table", "aria-labelledby": "tasks-title", "aria-rowcount": plan.tasks.length + 1 },
    make("div", { role: "rowgroup" }, make("div", { class: "titles", role: "row" }, heads)), list.rows));
  let last = "";
  choice.views.push(() => {
    const now = `${[...choice.sites].sort().join()} ${choice.group}`;
    if (now !== last) refill();
    last = now;
  });
  refill();
}
