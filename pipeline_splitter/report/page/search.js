// Finds a task by any part of its name.

function startSearch() {
  const field = byId("search");
  const found = byId("found");
  const lower = plan.tasks.map((task) => `${task.title ? `${task.title} ` : ""}${task.name}`.toLowerCase());
  let tasks = [];
  let at = -1;

  const close = () => {
    found.hidden = true;
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
  };
  const choose = (task) => {
    field.value = "";
    close();
    byId("graph").scrollIntoView({ block: "start" });
    showTask(task);
  };
  const mark = () => {
    [...found.children].forEach((entry, index) => entry.setAttribute("aria-selected", String(index === at)));
    if (at >= 0) field.setAttribute("aria-activedescendant", `found-${at}`);
  };
  const look = () => {
    const wanted = field.value.trim().toLowerCase();
    if (!wanted) return close();
    const begins = [];
    const holds = [];
    lower.forEach((name, task) => {
      const place = name.indexOf(wanted);
      if (place === 0) begins.push(task);
      else if (place > 0) holds.push(task);
    });
    tasks = [...begins, ...holds];
    at = tasks.length ? 0 : -1;
    found.replaceChildren(...tasks.slice(0, 12).map((task, index) => make("li", {
      id: `found-${index}`,
      role: "option",
      on: { mousedown: (event) => event.preventDefault(), click: () => choose(task) },
    }, make("span", {}, taskName(task)), make("small", { class: "quiet" }, siteLabel(plan.tasks[task].site)))));
    if (!tasks.length) found.append(make("li", { class: "none" }, "No task is named like that"));
    if (tasks.length > 12) found.append(make("li", { class: "none" }, `and ${(tasks.length - 12).toLocaleString("en")} more`));
    found.hidden = false;
    field.setAttribute("aria-expanded", "true");
    byId("spoken").textContent = count(tasks.length, "task");
    mark();
    return undefined;
  };
  field.addEventListener("input", look);
  field.addEventListener("focus", look);
  field.addEventListener("blur", close);
  field.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const shown = Math.min(12, tasks.length);
    if (step && shown && !found.hidden) {
      event.preventDefault();
      at = (at + step + shown) % shown;
      mark();
    } else if (event.key === "Enter" && at >= 0 && !found.hidden) choose(tasks[at]);
    else if (event.key === "Escape") close();
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      field.focus();
    }
    if (event.key === "Escape" && !panel.hidden && !typing) hidePanel();
  });
}
