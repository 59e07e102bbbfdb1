// Light or dark, as the reader's system has it, or as they chose here.

const KEY = "moorage-theme";
const root = document.documentElement;

function kept() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

const before = kept();
if (before === "light" || before === "dark") root.dataset.theme = before;

document.addEventListener("DOMContentLoaded", () => {
  document.getElementById("theme").addEventListener("click", () => {
    const now = root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
    try {
      localStorage.setItem(KEY, root.dataset.theme);
    } catch { /* It lasts as long as this page, then. */ }
  });
  // A choice is made by choosing.
  for (const field of document.querySelectorAll(".filters select")) field.addEventListener("change", () => field.form.requestSubmit());
});
