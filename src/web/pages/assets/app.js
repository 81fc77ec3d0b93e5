// Keeps a page fresh, carries acts out, and answers keys. Every page is whole without it.
"use strict";
(() => {
  const root = document.documentElement;
  const byId = (id) => document.getElementById(id);
  const main = () => byId("main");
  const clockAhead = Number(root.dataset.now || 0) * 1000 - Date.now();
  const now = () => Date.now() + clockAhead;

  // Elements are made of text alone, never of HTML.
  const element = (name, className, text) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  // --- times -------------------------------------------------------------------------------------------------------
  const two = (great, greatUnit, small, smallUnit) =>
    small === 0 ? `${great}${greatUnit}` : `${great}${greatUnit} ${small}${smallUnit}`;
  const rough = (seconds) => {
    const whole = (unit) => Math.floor(seconds / unit);
    if (seconds < 60) return `${seconds}s`;
    if (seconds < 3600) return `${whole(60)}m`;
    if (seconds < 10800) return two(whole(3600), "h", Math.floor((seconds % 3600) / 60), "m");
    if (seconds < 86400) return `${whole(3600)}h`;
    if (seconds < 259200) return two(whole(86400), "d", Math.floor((seconds % 86400) / 3600), "h");
    return `${whole(86400)}d`;
  };
  const clockWords = (at) => {
    const day = (it) => Math.floor((it.getTime() - it.getTimezoneOffset() * 60000) / 86400000);
    const days = day(new Date(now())) - day(at);
    const time = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false });
    if (days === 0) return time;
    if (0 < days && days < 7) return `${at.toLocaleDateString([], { weekday: "short" })} ${time}`;
    const part = (number) => String(number).padStart(2, "0");
    return `${at.getFullYear()}-${part(at.getMonth() + 1)}-${part(at.getDate())} ${time}`;
  };
  const timeWords = (it) => {
    const at = new Date(it.dateTime);
    const seconds = Math.floor((now() - at.getTime()) / 1000);
    if (it.dataset.rel === "ago") return seconds < 1 ? "just now" : `${rough(seconds)} ago`;
    if (it.dataset.rel === "until") return -seconds < 1 ? "now" : `in ${rough(-seconds)}`;
    if (it.dataset.rel === "took") return rough(Math.max(0, seconds));
    return clockWords(at);
  };
  const freshenTimes = () => {
    for (const it of document.querySelectorAll("time[data-rel]")) {
      const words = timeWords(it);
      if (it.textContent !== words) it.textContent = words;
    }
  };

  // --- bringing the page up to date --------------------------------------------------------------------------------
  // The new page is laid over the old one node by node, so that focus, scrolling and what was opened stay as they are.
  const keyOf = (node) => (node.nodeType === 1 ? node.id || node.dataset.key || "" : "");
  const alike = (old, fresh) =>
    old.nodeType === fresh.nodeType && old.nodeName === fresh.nodeName && keyOf(old) === keyOf(fresh);
  const lay = (old, fresh) => {
    if (old.nodeType !== 1) {
      if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
      return;
    }
    if (old.hasAttribute("data-keep")) return;
    const ours = (name) => (name === "open" && old.nodeName === "DETAILS") || (name === "value" && old === document.activeElement);
    for (const { name } of [...old.attributes]) {
      if (!fresh.hasAttribute(name) && !ours(name)) old.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) {
      if (old.getAttribute(name) !== value && !ours(name)) old.setAttribute(name, value);
    }
    if (old.nodeName === "TIME" && old.dataset.rel) return;
    layChildren(old, fresh);
  };
  const layChildren = (old, fresh) => {
    const keyed = new Map();
    for (const it of old.children) if (keyOf(it)) keyed.set(keyOf(it), it);
    let at = old.firstChild;
    for (const next of [...fresh.childNodes]) {
      const key = keyOf(next);
      const found = key ? keyed.get(key) : at && !keyOf(at) && alike(at, next) ? at : null;
      if (found && alike(found, next)) {
        if (found === at) at = at.nextSibling;
        else old.insertBefore(found, at);
        lay(found, next);
      } else {
        old.insertBefore(document.importNode(next, true), at);
      }
    }
    while (at) {
      const gone = at;
      at = at.nextSibling;
      gone.remove();
    }
  };

  let refreshing = null;
  const refresh = async (address = location.href) => {
    if (refreshing) refreshing.abort();
    const mine = (refreshing = new AbortController());
    const url = new URL(address, location.href);
    url.searchParams.set("fragment", "1");
    try {
      const answer = await fetch(url, { signal: mine.signal, credentials: "same-origin", redirect: "error" });
      if (!answer.ok) throw new Error(answer.statusText);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("main");
      if (!fresh || mine.signal.aborted) return false;
      const title = fresh.querySelector("h1");
      lay(main(), fresh);
      freshenTimes();
      document.dispatchEvent(new CustomEvent("page-refreshed", { detail: { title: title ? title.textContent : "" } }));
      return true;
    } catch (error) {
      return error.name === "AbortError";
    } finally {
      if (refreshing === mine) refreshing = null;
    }
  };

  // --- following what happens --------------------------------------------------------------------------------------
  const freshness = (state, words) => {
    const sign = byId("freshness");
    if (!sign || sign.dataset.state === state) return;
    sign.dataset.state = state;
    sign.textContent = words;
  };
  const busy = () => document.querySelector("dialog[open]") !== null || document.hidden;
  let due = 0;
  let missed = false;
  const hint = () => {
    missed = true;
    if (due) return;
    due = setTimeout(async () => {
      due = 0;
      if (busy()) return;
      missed = false;
      if (!(await refresh())) freshness("lost", "not reached");
    }, 700);
  };
  let polling = false;
  const poll = () => {
    polling = true;
    freshness("polling", "every 15 s");
    setInterval(() => !busy() && refresh().then((it) => freshness(it ? "polling" : "lost", it ? "every 15 s" : "not reached")), 15000);
  };
  // A page that nobody sees holds no connection: browsers have only a few for one daemon.
  let events = null;
  let followed = false;
  const follow = () => {
    const marked = main() && main().querySelector("[data-live]");
    if (!marked || events || document.hidden) return;
    const source = (events = new EventSource("/api/v1/events"));
    source.onopen = () => {
      if (followed) hint();
      followed = true;
      freshness("live", "live");
    };
    source.onerror = () => {
      if (source.readyState !== EventSource.CLOSED) return freshness("lost", "not reached");
      events = null;
      if (!followed) return poll();
      freshness("lost", "not reached");
      setTimeout(follow, 10000);
    };
    for (const kind of [...marked.dataset.live.split(" "), "resync"]) source.addEventListener(kind, hint);
  };
  const rest = () => {
    if (events) events.close();
    events = null;
  };
  window.addEventListener("pagehide", rest);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return rest();
    if (missed) hint();
    if (!polling) follow();
  });
  document.addEventListener("close", () => missed && hint(), true);
  document.addEventListener("page-stale", hint);

  // --- acts --------------------------------------------------------------------------------------------------------
  const toast = (words, bad) => {
    const shown = element("div", bad ? "toast bad" : "toast");
    shown.append(element("span", "", words));
    const close = element("button", "link", "Close");
    close.type = "button";
    close.addEventListener("click", () => shown.remove());
    shown.append(close);
    byId("toasts").append(shown);
    if (!bad) setTimeout(() => shown.remove(), 9000);
  };
  const fieldOf = (it) => {
    const label = element("label", it.kind === "check" ? "check" : "");
    const input = element("input");
    input.name = it.name;
    input.type = it.kind === "check" ? "checkbox" : "text";
    if (it.kind !== "check") {
      input.autocomplete = "off";
      input.spellcheck = false;
      label.append(it.label, input);
    } else label.append(input, it.label);
    return label;
  };
  const send = async (act, body) => {
    const [method, path] = act.split(" ");
    const headers = { "content-type": "application/json", accept: "application/json" };
    const csrf = document.querySelector('meta[name="csrf"]');
    if (csrf) headers["x-driftless-csrf"] = csrf.content;
    try {
      const answer = await fetch(path, { method, headers, body: JSON.stringify(body), credentials: "same-origin" });
      const told = await answer.json().catch(() => ({}));
      if (answer.ok) toast(told.message || "Done", false);
      else toast([told.detail || told.message || told.title || answer.statusText, told.remedy].filter(Boolean).join(": "), true);
    } catch {
      toast("The daemon was not reached; nothing is known to have happened", true);
    }
    hint();
  };
  const ask = (button) => {
    const dialog = byId("confirm");
    byId("confirm-title").textContent = button.dataset.title || button.textContent;
    const says = element("ul");
    for (const line of (button.dataset.says || "").split("\n")) if (line) says.append(element("li", "", line));
    byId("confirm-says").replaceChildren(says);
    const fields = JSON.parse(button.dataset.fields || "[]");
    byId("confirm-fields").replaceChildren(...fields.map(fieldOf));
    const yes = byId("confirm-yes");
    yes.textContent = button.dataset.confirm || button.textContent;
    yes.classList.toggle("danger", button.classList.contains("danger"));
    dialog.returnValue = "no";
    dialog.addEventListener("close", () => {
      if (dialog.returnValue !== "yes") return;
      const body = JSON.parse(button.dataset.body || "{}");
      for (const input of byId("confirm-fields").querySelectorAll("input")) {
        if (input.type === "checkbox") body[input.name] = input.checked;
        else if (input.value.trim()) body[input.name] = input.value.trim();
      }
      send(button.dataset.act, body);
    }, { once: true });
    dialog.showModal();
    const first = byId("confirm-fields").querySelector("input") || dialog.querySelector('button[value="no"]');
    first.focus();
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-act]");
    if (button) ask(button);
  });
  // Enter in a field of the question means yes, as in every form; the first button would mean no.
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("#confirm-fields input")) {
      event.preventDefault();
      byId("confirm-yes").click();
    }
  });

  // --- filters -----------------------------------------------------------------------------------------------------
  const filterTo = (form) => {
    const url = new URL(form.action || location.href, location.href);
    url.search = "";
    for (const [name, value] of new FormData(form)) if (value) url.searchParams.append(name, value);
    history.replaceState(null, "", url);
    refresh(url);
  };
  let typing = 0;
  document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-filter]");
    if (!form) return;
    clearTimeout(typing);
    typing = setTimeout(() => filterTo(form), event.target.type === "search" ? 220 : 0);
  });
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-filter]")) return;
    event.preventDefault();
    clearTimeout(typing);
    filterTo(event.target);
  });

  // --- keys --------------------------------------------------------------------------------------------------------
  const turnTheme = () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    try {
      localStorage.setItem("theme", root.dataset.theme);
    } catch {
      // It holds until the page is left.
    }
  };
  const step = (by) => {
    const rows = [...document.querySelectorAll("[data-row]")].filter((it) => it.offsetParent !== null);
    if (rows.length === 0) return;
    const at = rows.findIndex((it) => it.contains(document.activeElement));
    const next = rows[Math.min(rows.length - 1, Math.max(0, at === -1 ? 0 : at + by))];
    const target = next.querySelector("a, button") || next;
    target.focus();
    next.scrollIntoView({ block: "nearest" });
  };
  const places = { f: "/", h: "/hosts", r: "/runs", m: "/merge-requests", a: "/audit", s: "/system" };
  let going = 0;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typingIn = event.target.closest && event.target.closest("input, select, textarea, dialog");
    if (event.key === "Escape" && typingIn && typingIn.blur) return void typingIn.blur();
    if (typingIn) return;
    if (going && now() - going < 1500 && places[event.key]) {
      going = 0;
      return void location.assign(places[event.key]);
    }
    going = event.key === "g" ? now() : 0;
    if (event.key === "/") {
      const search = document.querySelector('input[type="search"]');
      if (!search) return;
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
    else if (event.key === "t") turnTheme();
    else if (event.key === "?") byId("help").showModal();
  });
  if (byId("theme")) byId("theme").addEventListener("click", turnTheme);
  if (byId("help-open")) byId("help-open").addEventListener("click", () => byId("help").showModal());

  freshenTimes();
  setInterval(freshenTimes, 10000);
  follow();
})();
