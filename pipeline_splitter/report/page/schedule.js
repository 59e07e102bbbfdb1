// When each task runs: a lane for each site, bars below each other where they overlap.

const STEPS = [0.1, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 604800];

// Tasks of one site in rows, each row without overlaps; the earliest first.
function rowsOf(site) {
  const rows = [];
  const tasks = plan.tasks.map((_, task) => task).filter((task) => plan.tasks[task].site === site);
  tasks.sort((one, other) => plan.tasks[one].start - plan.tasks[other].start || one - other);
  for (const task of tasks) {
    const { start, end } = plan.tasks[task];
    let at = rows.findIndex((last) => last <= start);
    if (at < 0) at = rows.length;
    rows[at] = end;
    rowOf[task] = at;
  }
  return { tasks, count: rows.length };
}

const rowOf = [];

function bar(task, x, y, width, height) {
  const one = plan.tasks[task];
  const letters = Math.floor((width - 12) / LETTER);
  return draw("g", {
    class: `node task turn ${siteClass(one.site)}${one.inserted ? " inserted" : ""}`,
    transform: `translate(${x} ${y})`,
    tabindex: -1,
    role: "button",
    "data-task": task,
    "aria-label": `${taskName(task)}, at ${siteName(one.site)}, from ${duration(one.start)} to ${duration(one.end)}`,
    on: pressable(() => showTask(task)),
  },
  draw("title", {}, `${taskName(task)}\n${duration(one.start)} to ${duration(one.end)}`),
  draw("rect", { class: "shape", width, height, rx: Math.min(5, height / 3) }),
  height >= 16 && letters > 3 ? draw("text", { x: 7, y: height / 2 + 4.5 }, shortened(taskName(task), letters)) : null);
}

function drawSchedule() {
  const end = plan.costs.time || Math.max(1, ...plan.tasks.map((task) => task.end));
  const margin = 16;
  const width = Math.max(240, (graphBox.clientWidth - 2 - 2 * margin) * graph.stretch);
  const scale = (width - 1) / end;
  const lanes = plan.lanes.map((site) => ({ site, ...rowsOf(site) })).filter((lane) => lane.count);
  const most = lanes.reduce((sum, lane) => sum + lane.count, 0);
  const step = most > 60 ? Math.max(5, Math.floor(1500 / most)) : 27;
  const layers = { ticks: draw("g"), bars: draw("g") };
  let y = 26;
  for (const lane of lanes) {
    layers.bars.append(draw("text", { class: `group-name ${siteClass(lane.site)}`, x: 0, y: y + 13 }, shortened(siteName(lane.site), 40)));
    y += 21;
    for (const task of lane.tasks) {
      const one = plan.tasks[task];
      layers.bars.append(bar(task, one.start * scale, y + rowOf[task] * step, Math.max(2, (one.end - one.start) * scale), step - (step > 8 ? 4 : 1)));
    }
    y += lane.count * step + 14;
  }
  const apart = STEPS.find((seconds) => seconds * scale > 96) || end;
  for (let seconds = 0; seconds <= end; seconds += apart) {
    const x = seconds * scale;
    layers.ticks.append(draw("path", { class: "tick", d: `M${x} 18V${y}` }));
    if (x < width - 50) layers.ticks.append(draw("text", { class: "group-sum", x, y: 11 }, duration(seconds)));
  }
  const [wide, high] = [width + 2 * margin, y + margin];
  const picture = draw("svg", { viewBox: `${-margin} ${-margin / 2} ${wide} ${high}`, width: wide, height: high, role: "group", "aria-label": "The tasks in time; arrow keys move" }, layers.ticks, layers.bars);
  graph.current = { picture, edges: [], width: wide, height: high, lit: draw("g") };
  showPicture(picture);
}
