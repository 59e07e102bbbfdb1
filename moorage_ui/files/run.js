// The plan's drawing with the run's state on it: each task and each group as far as it is.

const SIGNS = {
  Succeeded: "M-4 0l3 3 5-6",
  Cached: "M-4 0l3 3 5-6",
  Failed: "M-3.4 -3.4l6.8 6.8M3.4 -3.4l-6.8 6.8",
  Lost: "M-3.4 -3.4l6.8 6.8M3.4 -3.4l-6.8 6.8",
  Cancelled: "M-3.4 -3.4l6.8 6.8M3.4 -3.4l-6.8 6.8",
  Skipped: "M-4 0h8",
};

// The panel moves these aside in a report; here there are none.
function drawFlows() {}
function drawRows() {}

function state() {
  return JSON.parse(byId("state").textContent);
}

function sign(phase, x, y) {
  return draw("g", { class: `state-sign ${phase}`, transform: `translate(${x} ${y})`, "aria-hidden": "true" },
    draw("circle", { r: 8.5, class: "face" }),
    phase === "Running" ? draw("circle", { r: 4.4, class: "turning" }) : SIGNS[phase] ? draw("path", { d: SIGNS[phase] }) : draw("circle", { r: 2, class: "still" }));
}

function markState() {
  const { tasks, groups } = state();
  for (const node of graphBox.querySelectorAll(".node.task")) {
    const phase = tasks[Number(node.dataset.task)] || "Pending";
    if (node.dataset.phase === phase) continue;
    node.dataset.phase = phase;
    node.querySelector(".state-sign")?.remove();
    const shape = node.querySelector(".shape");
    node.append(sign(phase, Number(shape.getAttribute("width")) - 1, 1));
    node.setAttribute("aria-label", `${node.getAttribute("aria-label").split(": ")[0]}: ${phase}`);
  }
  for (const node of graphBox.querySelectorAll(".node.group")) {
    const phase = groups[Number(node.dataset.group)] || "Waiting";
    if (node.dataset.phase === phase) continue;
    node.dataset.phase = phase;
    node.querySelector(".state-sign")?.remove();
    const box = node.querySelector(".group-box");
    if (node.classList.contains("folded")) node.append(sign(phase, Number(box.getAttribute("width")) - 2, 2));
  }
  document.documentElement.dataset.marked = String(Number(document.documentElement.dataset.marked || 0) + 1);
}

function startResizing() {
  let width = window.innerWidth;
  let due = 0;
  window.addEventListener("resize", () => {
    if (window.innerWidth === width) return;
    width = window.innerWidth;
    cancelAnimationFrame(due);
    due = requestAnimationFrame(() => {
      graph.scale = 0;
      drawGraph();
    });
  });
}

// Whatever draws the graph anew (folding, zooming, another window) puts its state on again.
new MutationObserver(markState).observe(graphBox, { childList: true });
document.addEventListener("exchanged", markState);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !panel.hidden) hidePanel();
});

startSites();
startGraph();
startResizing();
markState();
document.documentElement.dataset.ready = "true";
