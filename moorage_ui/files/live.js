// Follows what the server tells: when something changed, the page is read again, and its parts are exchanged.
// What comes is parsed as a document of its own, in which nothing runs, and its nodes are moved here.

const RETRY = 5000;
let source = null;
let reading = false;
let again = false;

function exchange(fresh) {
  for (const part of document.querySelectorAll("[data-part]")) {
    const next = fresh.getElementById(part.id);
    if (!next || next.innerHTML === part.innerHTML) continue;
    const focused = part.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    part.replaceChildren(...[...next.childNodes].map((node) => document.importNode(node, true)));
    if (focused) [...part.querySelectorAll("a")].find((link) => link.getAttribute("href") === focused)?.focus({ preventScroll: true });
  }
  document.dispatchEvent(new CustomEvent("exchanged"));
}

async function read() {
  if (reading) {
    again = true;
    return;
  }
  reading = true;
  try {
    const answer = await fetch(location.href, { headers: { "X-Moorage-Parts": "1" }, cache: "no-store" });
    if (answer.ok) {
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const other = fresh.body.dataset.whole !== document.body.dataset.whole;
      if (other) location.reload();
      else exchange(fresh);
    } else if (answer.status === 401 || answer.status === 404) {
      location.reload();
    }
  } catch { /* The server may be away for a moment. The next change is another occasion. */ }
  reading = false;
  if (again) {
    again = false;
    read();
  }
}

function follow() {
  if (source || document.hidden) return;
  source = new EventSource(document.body.dataset.live);
  source.addEventListener("changed", read);
  source.addEventListener("gone", () => {
    stop();
    location.reload();
  });
  source.addEventListener("open", () => { document.documentElement.dataset.following = "true"; });
  source.addEventListener("error", () => {
    delete document.documentElement.dataset.following;
    if (source && source.readyState === EventSource.CLOSED) {
      stop();
      setTimeout(follow, RETRY);
    }
  });
}

function stop() {
  if (source) source.close();
  source = null;
  delete document.documentElement.dataset.following;
}

// A page that nobody looks at holds no connection; it reads itself when it is looked at again.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) stop();
  else {
    read();
    follow();
  }
});
window.addEventListener("pagehide", stop);
follow();

// Clocks of what is under way go on between two changes.
function told(seconds) {
  if (seconds < 60) return `${seconds}\u00a0s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}\u00a0min${seconds % 60 ? ` ${seconds % 60}\u00a0s` : ""}`;
  return `${Math.floor(minutes / 60)}\u00a0h${minutes % 60 ? ` ${minutes % 60}\u00a0min` : ""}`;
}

setInterval(() => {
  for (const clock of document.querySelectorAll("[data-since]")) {
    const since = Date.parse(clock.dataset.since);
    if (since && clock.dataset.since) clock.textContent = told(Math.max(0, Math.round((Date.now() - since) / 1000)));
  }
}, 1000);
