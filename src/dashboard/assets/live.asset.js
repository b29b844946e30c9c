// What pages gain where scripts run: times in the viewer's own zone, countdowns, copying, and forms that are sent
// once. Without it every page works and shows UTC.

const SENT_ONCE_MS = 5000;

// A second click while the first is on its way would make a second key, and show only that one.
for (const form of document.querySelectorAll('form[method="post"]')) {
  let sentAt = -SENT_ONCE_MS;
  form.addEventListener("submit", (event) => {
    if (event.timeStamp - sentAt < SENT_ONCE_MS) event.preventDefault();
    else sentAt = event.timeStamp;
  });
  // Whoever comes back to the page may send it again.
  addEventListener("pageshow", () => {
    sentAt = -SENT_ONCE_MS;
  });
}

const MINUTE = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

for (const time of document.querySelectorAll("time[data-local]")) {
  const at = new Date(time.dateTime);
  time.textContent = (time.dataset.local === "day" ? DAY : MINUTE).format(at);
  time.title = `${EXACT.format(at)} — ${time.dateTime}`;
}

const countdowns = document.querySelectorAll("time[data-countdown]");
for (const time of countdowns) time.title = `${EXACT.format(new Date(time.dateTime))} — ${time.dateTime}`;

function countDown() {
  const now = Date.now();
  for (const time of countdowns) {
    const text = distance(Date.parse(time.dateTime) - now);
    if (time.textContent !== text) time.textContent = text;
  }
}

/** Two units are as much as anyone reads; the last minutes are told to the second. */
function distance(ms) {
  if (ms <= 0) return "now";
  const seconds = Math.ceil(ms / 1000);
  const [days, hours, minutes] = [
    Math.floor(seconds / 86400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
  ];
  if (days > 0) return `in ${days} d ${hours} h`;
  if (hours > 0) return `in ${hours} h ${minutes} min`;
  return minutes > 0 ? `in ${minutes} min ${seconds % 60} s` : `in ${seconds} s`;
}

if (countdowns.length > 0) {
  countDown();
  setInterval(countDown, 1000);
}

for (const button of document.querySelectorAll("button[data-copy]")) {
  const source = document.getElementById(button.dataset.copy);
  if (!source || !navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(source.textContent.trim());
    const label = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => {
      button.textContent = label;
    }, 1500);
  });
}
