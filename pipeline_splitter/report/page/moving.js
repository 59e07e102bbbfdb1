// What the reader does with the graph: size, folding, what is lit, keys, the mouse.

function fitGraph() {
  const { width, height } = graph.current;
  const wide = (graphBox.clientWidth - 2) / width;
  const high = 740 / height;
  graph.scale = Math.max(graph.upright ? LEAST_UPRIGHT : 0.8, Math.min(1.15, wide, Math.max(high, 0.8)));
}

function zoom(scale) {
  if (!graph.current) return;
  graph.scale = Math.min(2.5, Math.max(0.12, scale));
  const { picture, width, height } = graph.current;
  picture.setAttribute("width", Math.round(width * graph.scale));
  picture.setAttribute("height", Math.round(height * graph.scale));
}

// The graph grows as a picture, the schedule along its time.
function magnify(times) {
  if (graph.view === "graph") zoom(graph.scale * times);
  else {
    graph.stretch = Math.min(50, Math.max(1, graph.stretch * times));
    drawGraph();
  }
}

function fitWidth() {
  if (graph.view === "graph" && graph.current) zoom(Math.min(1.15, (graphBox.clientWidth - 2) / graph.current.width));
  else magnify(1e-3);
}

function fold(index) {
  if (!open.delete(index)) open.add(index);
  drawGraph();
  const head = graphBox.querySelector(`[data-group="${index}"]`);
  if (head) focusNode(head);
}

// Fade what the filters leave out, and light up the chosen task's edges.
function markGraph() {
  if (!graph.current) return;
  const { picture, edges, lit } = graph.current;
  picture.classList.toggle("has-choice", choice.task >= 0);
  for (const node of picture.querySelectorAll(".task")) {
    const task = Number(node.dataset.task);
    node.classList.toggle("faded", !choice.shows(task));
    node.classList.toggle("chosen", task === choice.task);
  }
  for (const node of picture.querySelectorAll(".group")) {
    const group = Number(node.dataset.group);
    const shown = choice.showsSite(plan.groups[group].site) && (choice.group < 0 || choice.group === group);
    node.classList.toggle("faded", !shown);
  }
  const chosen = edges.filter((edge) => edge.from.has(choice.task) || edge.to.has(choice.task));
  for (const edge of edges) if (edge.label) edge.label.classList.toggle("lit", chosen.includes(edge));
  lit.replaceChildren();
  drawEdges(chosen, lit, false);
}

function focusNode(node) {
  const other = graphBox.querySelector('[tabindex="0"]');
  if (other) other.setAttribute("tabindex", "-1");
  node.setAttribute("tabindex", "0");
  node.focus({ preventScroll: true });
  intoView(node);
}

function intoView(node) {
  const [inner, outer] = [node.getBoundingClientRect(), graphBox.getBoundingClientRect()];
  const room = 24;
  if (inner.left > outer.left + room && inner.right < outer.right - room && inner.top > outer.top + room && inner.bottom < outer.bottom - room) return;
  graphBox.scrollBy(inner.left + inner.width / 2 - outer.left - outer.width / 2, inner.top + inner.height / 2 - outer.top - outer.height / 2);
}

// Arrow keys go to the nearest node on that side.
function moveFocus(event) {
  const way = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key];
  const from = event.target.closest(".node");
  if (!way || !from) return;
  event.preventDefault();
  const middle = (node) => {
    const box = node.getBoundingClientRect();
    return node.classList.contains("group") ? [box.left + box.width / 2, box.top + 14] : [box.left + box.width / 2, box.top + box.height / 2];
  };
  const [x, y] = middle(from);
  let best = null;
  let least = Infinity;
  for (const node of graphBox.querySelectorAll(".node")) {
    if (node === from) continue;
    const [dx, dy] = [middle(node)[0] - x, middle(node)[1] - y];
    const along = dx * way[0] + dy * way[1];
    const aside = Math.abs(dx * way[1]) + Math.abs(dy * way[0]);
    if (along < 4 || along + 2.5 * aside >= least) continue;
    [best, least] = [node, along + 2.5 * aside];
  }
  if (best) focusNode(best);
}

// The mouse drags the graph; fingers scroll it by themselves.
function dragGraph() {
  let from = null;
  graphBox.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "mouse" || event.button || event.target.closest(".task, .stock")) return;
    from = [event.clientX + graphBox.scrollLeft, event.clientY + graphBox.scrollTop, event.clientX, event.clientY];
  });
  window.addEventListener("pointermove", (event) => {
    if (!from) return;
    if (Math.hypot(event.clientX - from[2], event.clientY - from[3]) > 4) graphBox.classList.add("grab");
    graphBox.scrollTo(from[0] - event.clientX, from[1] - event.clientY);
  });
  window.addEventListener("pointerup", () => {
    from = null;
    setTimeout(() => graphBox.classList.remove("grab"));
  });
  graphBox.addEventListener("click", (event) => {
    if (graphBox.classList.contains("grab")) event.stopPropagation();
  }, true);
}

function goToGroup(group) {
  const node = graphBox.querySelector(`[data-group="${group}"]`) || graphBox.querySelector(`[data-task="${plan.groups[group]?.tasks[0]}"]`);
  if (node) intoView(node);
}

function startGraph() {
  const tools = byId("graph-tools");
  const all = plan.groups.map((_, index) => index);
  const refold = (indices) => {
    open.clear();
    indices.forEach((index) => open.add(index));
    graph.scale = 0;
    drawGraph();
  };
  const picker = make("select", { "aria-label": "Show one group", on: { change: () => { choice.group = Number(picker.value); choice.changed(); goToGroup(choice.group); } } },
    make("option", { value: -1 }, "All groups"),
    plan.groups.map((group, index) => make("option", { value: index }, shortened(group.id, 40))));
  tools.append(
    switcher("Show as", [["graph", "Graph"], ["schedule", "Schedule"]], graph.view, (view) => {
      graph.view = view;
      byId("graph").classList.toggle("timed", view === "schedule");
      graph.scale = 0;
      drawGraph();
    }),
    plan.groups.length > 1 ? picker : "",
    button("Fold", () => refold([]), { title: "Show groups only", class: "untimed" }),
    plan.tasks.length <= 1000 ? button("Unfold", () => refold(all), { title: "Show every task", class: "untimed" }) : "",
    button("−", () => magnify(1 / 1.25), { "aria-label": "Smaller" }),
    button("+", () => magnify(1.25), { "aria-label": "Larger" }),
    button("Fit", fitWidth, { "aria-label": "Fit the width", class: "roomy" }));
  const sample = (name) => draw("svg", { width: 30, height: 8, "aria-hidden": "true" }, draw("path", { class: name, d: "M0 4H30" }));
  byId("graph-key").append(
    make("span", {}, sample("edge crosses s0"), "moves between sites, with its bytes"),
    make("span", {}, sample("edge"), "stays at its site"),
    make("span", {}, sample("edge loose"), "a parameter, or order only"),
    plan.stocks.length ? make("span", {}, draw("svg", { width: 26, height: 14, "aria-hidden": "true", class: "s0" }, draw("rect", { class: "shape key-stock", x: 1, y: 1, width: 24, height: 12, rx: 6, fill: "none", stroke: "currentColor" })), "data before the run") : "");
  dragGraph();
  drawGraph();
  choice.views.push(markGraph);
}
