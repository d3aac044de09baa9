"use strict";
// Buttons and forms post to the sandbox's own addresses; what the server shows is fetched again and put in place.
// Only [data-live] parts are replaced and selects refilled, so nothing anybody is typing is lost.
(() => {
  const every = 2000;
  const told = document.getElementById("told");
  const problems = JSON.parse(told.dataset.problems);
  const shown = new Map();
  let busy = false, hiding = 0;

  const live = (root) => root.querySelectorAll("[data-live]");
  const drafts = (form) => `${form.dataset.act}/${(form.elements.chat_id || form.elements.pair || { value: "" }).value}`;

  function inWords(problem) {
    const english = problem.replace(/^\w+: /, "");
    if (problems[english]) return problems[english];
    const refused = /^(\d{5}) /.exec(english);
    return refused ? `平台拒绝，错误码 ${refused[1]}` : `沙箱说：${english}`;
  }

  function say(text, bad) {
    told.textContent = text;
    told.className = bad ? "bad" : "";
    told.hidden = false;
    clearTimeout(hiding);
    hiding = setTimeout(() => { told.hidden = true; }, bad ? 6000 : 2500);
  }

  function replace(old, fresh) {
    if (shown.get(old.id) === fresh.innerHTML) return;
    const picked = document.getSelection();
    if (picked && !picked.isCollapsed && old.contains(picked.anchorNode)) return;
    const focus = old.contains(document.activeElement) ? document.activeElement.dataset.focus : "";
    const open = [...old.querySelectorAll("details[open]")].map((one) => one.dataset.key);
    const atEnd = old.scrollHeight - old.scrollTop - old.clientHeight < 60;
    shown.set(old.id, fresh.innerHTML);
    old.replaceChildren(...document.importNode(fresh, true).childNodes);
    for (const one of old.querySelectorAll("details")) one.open = open.includes(one.dataset.key);
    if (focus) old.querySelector(`[data-focus="${CSS.escape(focus)}"]`)?.focus();
    if ("stick" in old.dataset && atEnd) old.scrollTop = old.scrollHeight;
  }

  function refill(old, fresh) {
    if (old === document.activeElement || shown.get(old.id) === fresh.innerHTML) return;
    const value = old.value;
    shown.set(old.id, fresh.innerHTML);
    old.replaceChildren(...document.importNode(fresh, true).childNodes);
    if ([...old.options].some((option) => option.value === value)) old.value = value;
    const button = old.form && old.form.querySelector("button");
    const now = fresh.closest("form") && fresh.closest("form").querySelector("button");
    if (button && now) button.disabled = now.disabled;
  }

  async function refresh() {
    let text;
    try {
      text = await (await fetch(location.href, { cache: "no-store" })).text();
    } catch {
      say("沙箱没有回应，它还开着吗？", true);
      return;
    }
    const page = new DOMParser().parseFromString(text, "text/html");
    for (const old of live(document)) {
      const fresh = page.getElementById(old.id);
      if (fresh) replace(old, fresh);
    }
    for (const old of document.querySelectorAll("select[id]")) {
      const fresh = page.getElementById(old.id);
      if (fresh) refill(old, fresh);
    }
  }

  async function post(path, body) {
    const answer = await fetch(`/_sandbox/${path}`, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    });
    const found = await answer.json();
    if (!answer.ok) throw new Error(inWords(found.problem || `HTTP ${answer.status}`));
    return found;
  }

  async function carryOut(work, done) {
    if (busy) return;
    busy = true;
    document.body.classList.add("busy");
    try {
      const found = await work();
      await refresh();
      say(done || (found && found.happened !== undefined ? `时钟拨好了，其间发生 ${found.happened} 件事` : "好了"));
    } catch (error) {
      say(`没办成：${error.message}`, true);
    }
    document.body.classList.remove("busy");
    busy = false;
  }

  async function act(form) {
    const body = Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== ""));
    const { act: name, newcomer, split, list } = form.dataset;
    if (newcomer && !body[newcomer]) {
      body[newcomer] = (await post("act", { act: "add_customer", name: body.newcomer || "路人" })).external_userid;
    }
    delete body.newcomer;
    if (list) body[list] = [body[list]];
    if (split) {
      [body.userid, body.external_userid] = body[split].split("/");
      delete body[split];
    }
    const found = await post("act", { act: name, ...body });
    if (found.intercepted === 1) throw new Error("这句话被敏感词规则拦下了");
    if (name === "send_own" && !found.served.length) throw new Error("这个群的群发额度用完了，没有发出去");
    if (name === "scan" && !found.chat_id) throw new Error("码里的群都满了，或者这个人已经在群里");
    for (const field of form.querySelectorAll("textarea, input:not([type=hidden])")) field.value = "";
    sessionStorage.removeItem(drafts(form));
    return found;
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-post]");
    if (!button) return;
    event.preventDefault();
    carryOut(() => post(button.dataset.post, JSON.parse(button.dataset.body)), button.dataset.done);
  });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.dataset.act) return;
    event.preventDefault();
    if (form.dataset.ask && !confirm(form.dataset.ask)) return;
    carryOut(() => act(form));
  });

  document.addEventListener("input", (event) => {
    const form = event.target.form;
    if (event.target.matches("textarea") && form && form.dataset.act) sessionStorage.setItem(drafts(form), event.target.value);
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || !event.target.matches(".composer textarea")) return;
    event.preventDefault();
    event.target.form.requestSubmit();
  });

  for (const form of document.querySelectorAll("form[data-act]")) {
    const text = form.querySelector("textarea");
    if (text && !text.value) text.value = sessionStorage.getItem(drafts(form)) || "";
  }
  for (const old of live(document)) shown.set(old.id, old.innerHTML);
  for (const old of document.querySelectorAll("select[id]")) shown.set(old.id, old.innerHTML);
  for (const old of document.querySelectorAll("[data-stick]")) old.scrollTop = old.scrollHeight;
  document.querySelector(".groups .on")?.scrollIntoView({ block: "nearest", inline: "center" });
  setInterval(() => { if (!busy && document.visibilityState === "visible") refresh(); }, every);
})();
