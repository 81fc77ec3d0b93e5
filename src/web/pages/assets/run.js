// Shows what a live run tells, as it comes. Whatever hosts say becomes text, never HTML.
(() => {
  "use strict";
  const sign = document.querySelector("[data-run]");
  const lines = document.getElementById("now-lines");
  if (!sign || !lines) return;
  const run = sign.dataset.run;
  const SHOWN = 200;
  const tasks = new Map();
  let results = 0;
  let at = 0;
  let due = 0;
  let over = false;

  const element = (name, className, text) => {
    const made = document.createElement(name);
    made.className = className;
    made.textContent = text;
    return made;
  };
  // Characters that turn text around or cannot be seen are shown by their numbers, as everywhere on these pages.
  const unseen = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb]|[\u{e0000}-\u{e0fff}]/gu;
  const visible = (text) =>
    String(text).replace(unseen, (it) => `\u27e8U+${it.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}\u27e9`);

  const taskWords = (it) => (it.role ? `${it.role} : ` : "") + (it.name || it.action || "");
  const words = (it) => {
    if (it.status === "failed") return ["bad", "\u2715 failed"];
    if (it.status === "unreachable") return ["bad", "\u2715 no answer"];
    if (it.status === "ignored" || it.status === "unreachable_ignored") return ["notice", "! tolerated"];
    if (it.for_real) return ["live", "\u25b8 for real"];
    if (it.blind || it.tainted) return ["notice", "! not seen"];
    if (it.status === "skipped") return ["quiet", "\u00b7 skipped"];
    return it.changed ? ["notice", "~ changed"] : ["good", "\u2713 ok"];
  };
  const add = (line) => {
    const follows = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 40;
    lines.append(line);
    while (SHOWN < lines.children.length) lines.firstChild.remove();
    if (follows) lines.scrollTop = lines.scrollHeight;
  };
  const heading = (text) => add(element("li", "play-line", visible(text)));
  const tell = (event) => {
    if (event.event === "play_started") heading(`play ${event.name} on ${event.hosts} hosts`);
    else if (event.event === "task_started") {
      tasks.set(event.task, taskWords(event));
      heading(`task ${taskWords(event)}`);
    } else if (event.event === "task_ended") {
      results += 1;
      const [tone, word] = words(event);
      const line = element("li", "", "");
      line.append(element("span", `now-word text-${tone}`, word), element("span", "now-host", visible(event.host)));
      line.append(element("span", "muted", visible(tasks.get(event.task) || "")));
      add(line);
    }
  };
  const count = () => {
    const shown = document.getElementById("now-count");
    if (shown) shown.textContent = results === 1 ? "1 result" : `${results} results`;
  };
  // What the daemon adds up is fetched anew now and then; what comes is shown at once.
  const freshen = (soon) => {
    if (due && !soon) return;
    clearTimeout(due);
    due = setTimeout(() => {
      due = 0;
      document.dispatchEvent(new CustomEvent("page-stale"));
    }, soon ? 300 : 2500);
  };
  const told = (events) => {
    events.forEach(tell);
    if (events.length) {
      count();
      freshen(false);
    }
  };
  const ended = () => {
    over = true;
    heading("the run is over");
    freshen(true);
  };

  const address = (follow) => `/api/v1/runs/${run}/events?follow=${follow}&from=${at}`;
  // Where events do not come by themselves, they are asked for.
  const byLines = async () => {
    while (!over) {
      try {
        const answer = await fetch(address(false), { headers: { accept: "application/x-ndjson" }, credentials: "same-origin" });
        if (!answer.ok) return;
        const events = [];
        for (const text of (await answer.text()).split("\n")) {
          if (!text) continue;
          const line = JSON.parse(text);
          if (line.line === "event") events.push(line.event);
          if (line.next !== undefined) at = line.next;
          if (line.line === "end" && line.over) over = true;
        }
        told(events);
        if (over) return ended();
      } catch {
        // It is asked again.
      }
      await new Promise((next) => setTimeout(next, 2000));
    }
  };
  const bySource = () => {
    const source = new EventSource(address(true));
    let opened = false;
    source.onopen = () => (opened = true);
    source.addEventListener("events", (it) => {
      at = Number(it.lastEventId) || at;
      told(JSON.parse(it.data));
    });
    source.addEventListener("end", (it) => {
      source.close();
      if (JSON.parse(it.data).over) ended();
    });
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED && !opened && !over) byLines();
    };
    window.addEventListener("pagehide", () => source.close());
  };
  bySource();
})();
