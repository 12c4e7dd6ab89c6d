// The whole page: state in the URL's hash, one range of days for everything, charts drawn by Vega-Lite.
const DATA = JSON.parse(document.getElementById("data").textContent);
for (const table of Object.values(DATA)) {
  // a column of few texts comes as these texts, and for each row which of them
  for (const [name, column] of Object.entries(table)) if (column.texts) table[name] = column.rows.map((row) => column.texts[row]);
}
const $ = (id) => document.getElementById(id);
const DAY = 86400000;
const PAGES = { overview: "Overview", broadcasts: "Broadcasts", journeys: "Journeys", data: "Data" };
const PRESETS = { 7: "7 days", 28: "28 days", 90: "90 days", 365: "1 year", 0: "All" };
const SETTINGS = Object.fromEntries(Object.entries(DATA.settings).map(([name, values]) => [name, values[0]]));
const STEPS = SETTINGS.engagement_steps.split(",");
const OPINIONS = SETTINGS.opinions.split(",");

// ---------------------------------------------------------------- numbers and days
const number = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 }); // as the reader writes numbers
const oneDecimal = new Intl.NumberFormat(undefined, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const count = (value) => (value == null ? "–" : number.format(value));
const percent = (value) => (value == null ? "–" : oneDecimal.format(100 * value) + " %");
const label = (name) => (name === "none" ? "no step" : name.replaceAll("_", " "));
const capital = (text) => text[0].toUpperCase() + text.slice(1);
const toTime = (day) => Date.parse(day + "T00:00:00Z");
const toDay = (time) => new Date(time).toISOString().slice(0, 10);
const addDays = (day, days) => toDay(toTime(day) + days * DAY);
const dayFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
const longDay = (day) => dayFormat.format(toTime(day));
const sum = (values) => values.reduce((total, value) => total + (value ?? 0), 0);

function rows(name) {
  const columns = Object.entries(DATA[name]);
  const found = [];
  DATA[name].bot_id.forEach((bot, position) => {
    if (bot === state.bot) found.push(Object.fromEntries(columns.map(([column, values]) => [column, values[position]])));
  });
  return found;
}

// ---------------------------------------------------------------- state
const BOTS = [...new Set([...DATA.pulls.bot_id, ...DATA.kpis.bot_id])].sort();
const state = { page: "overview", bot: BOTS[0], from: "", to: "", sort: "sent_at", up: false, search: "", cohort: "reachable" };
let series = {}; // of the chosen bot: KPI -> rows by day
let first = "";
let last = "";

function chooseBot(bot) {
  state.bot = bot;
  series = {};
  for (const row of rows("kpis")) (series[row.kpi] ??= []).push(row);
  const dates = Object.values(series)[0]?.map((row) => row.date) ?? rows("pulls").map((row) => row.date);
  first = dates[0] ?? toDay(Date.now());
  last = dates.at(-1) ?? first;
}

function span() {
  return (toTime(last) - toTime(first)) / DAY + 1;
}

function days() {
  return (toTime(state.to) - toTime(state.from)) / DAY + 1;
}

function defaultDays() {
  return [28, 7].find((days) => span() >= 2 * days) ?? 0;
}

function setRange(days) {
  state.to = last;
  state.from = days ? addDays(last, 1 - days) : first;
}

function readHash() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const isDay = (text) => /^\d{4}-\d\d-\d\d$/.test(text ?? "") && !Number.isNaN(toTime(text));
  chooseBot(BOTS.includes(asked.get("bot")) ? asked.get("bot") : BOTS[0]);
  setRange(defaultDays());
  state.page = Object.hasOwn(PAGES, asked.get("page")) ? asked.get("page") : "overview";
  if (isDay(asked.get("from"))) state.from = asked.get("from");
  if (isDay(asked.get("to"))) state.to = asked.get("to");
  if (state.from > state.to) [state.from, state.to] = [state.to, state.from];
  state.search = asked.get("search") ?? "";
  state.sort = COLUMNS.some((column) => column.field === asked.get("sort")) ? asked.get("sort") : "sent_at";
  state.up = asked.get("up") === "1";
  state.cohort = asked.get("cohort") === "seen" ? "seen" : "reachable";
  writeHash({ isStep: false });
}

// Another page, bot or range is a step that Back undoes; what only refines the page, or came with the address, is none.
function writeHash({ isStep = true } = {}) {
  const hash = new URLSearchParams({ page: state.page, from: state.from, to: state.to });
  if (BOTS.length > 1) hash.set("bot", state.bot);
  if (state.search) hash.set("search", state.search);
  if (state.sort !== "sent_at" || state.up) hash.set("sort", state.sort);
  if (state.up) hash.set("up", "1");
  if (state.cohort !== "reachable") hash.set("cohort", state.cohort);
  const before = new URLSearchParams(location.hash.slice(1));
  const isOther = ["page", "bot", "from", "to"].some((name) => before.get(name) !== hash.get(name));
  history[isStep && isOther ? "pushState" : "replaceState"](null, "", "#" + hash);
}

const inRange = (day) => day >= state.from && day <= state.to;
const ranged = (name) => rows(name).filter((row) => inRange(row.date));
const kpi = (name) => (series[name] ?? []).filter((row) => inRange(row.date));

// ---------------------------------------------------------------- building blocks; text is always text
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

function panel(title, note, content, width = "") {
  const head = make("div", { class: "head" }, make("h2", {}, title));
  const section = make("section", { class: `panel ${width}`, "aria-label": title }, head, make("p", { class: "note" }, note), content);
  $("main").append(section);
  return head;
}

function card(name, value, change, tone = "", spark = null) {
  return make(
    "div",
    { class: "card", "data-card": name },
    make("div", { class: "label" }, name),
    make("div", { class: "value" }, value),
    make("div", { class: `change ${tone}` }, change),
    spark,
  );
}

function sparkline(values) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 100 30");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const top = Math.max(1, ...values.filter((value) => value != null));
  let path = "";
  values.forEach((value, position) => {
    if (value == null) return;
    const x = values.length > 1 ? (100 * position) / (values.length - 1) : 50;
    path += `${values[position - 1] == null ? "M" : "L"}${x.toFixed(2)},${(28 - (26 * value) / top).toFixed(2)}`;
  });
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", path);
  line.setAttribute("fill", "none");
  line.setAttribute("stroke", "var(--accent)");
  line.setAttribute("stroke-width", "1.5");
  line.setAttribute("vector-effect", "non-scaling-stroke");
  svg.append(line);
  return svg;
}

// ---------------------------------------------------------------- charts
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const separator = (kind) => number.formatToParts(1234567).concat(oneDecimal.formatToParts(0.5)).find((part) => part.type === kind)?.value ?? "";
const formatLocale = { decimal: separator("decimal"), thousands: separator("group"), grouping: [3], currency: ["", ""] };
let drawing = [];
let views = [];

function chart(title, spec, values, { width = "", note = "", height = 220 } = {}) {
  if (!values.length) return panel(title, note, make("p", { class: "empty" }, "Nothing in this range."), width);
  const place = make("div", { class: "chart" });
  const head = panel(title, note, make("div", {}, place, asTable(title, spec, values)), width);
  const full = {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    description: `${title}. ${note}`,
    width: "container",
    height,
    autosize: { type: "fit-x", contains: "padding" },
    data: { values },
    ...spec,
    config: {
      background: "transparent",
      font: getComputedStyle(document.body).fontFamily,
      view: { stroke: null },
      axis: {
        labelColor: color("soft"), titleColor: color("soft"), gridColor: color("line"), domain: false, ticks: false,
        labelFontSize: 11, titleFontSize: 11, titleFontWeight: 400, labelPadding: 6, tickCount: 5,
      },
      axisX: { grid: false, labelOverlap: true, labelFlush: true },
      legend: { labelColor: color("ink"), title: null, orient: "top", direction: "horizontal", symbolType: "circle", symbolStrokeWidth: 2, labelFontSize: 12, offset: 10, columns: window.innerWidth < 560 ? 2 : 6 },
      text: { fill: color("ink"), fontSize: 11 },
      rule: { color: color("soft") },
    },
  };
  drawing.push(
    window.vegaEmbed(place, full, { actions: false, renderer: days() > 400 ? "canvas" : "svg", tooltip: { theme: "custom" }, formatLocale }).then(({ view }) => views.push(view)),
  );
  return head;
}

// What a chart draws, as a table and as CSV: the columns are those of its tooltip.
function asTable(title, spec, values) {
  const columns = [spec, ...(spec.layer ?? [])].map((part) => part.encoding?.tooltip).filter(Boolean).at(-1);
  const show = ({ format }, value) => (value == null || !format ? (value ?? "–") : format.endsWith("%") ? percent(value) : number.format(value));
  const body = make("div", {});
  const details = make("details", { ontoggle: () => {
    if (!details.open || body.firstChild) return;
    body.append(
      make("button", { type: "button", class: "csv", onclick: () => saveCsv(title, columns, values) }, "Save as CSV"),
      make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `${title}, table` },
        make("table", {},
          make("thead", {}, make("tr", {}, ...columns.map((column) => make("th", { class: "plain", scope: "col" }, column.title)))),
          make("tbody", {}, ...values.map((row) => make("tr", {}, ...columns.map((column) => make("td", {}, String(show(column, row[column.field]))))))),
        ),
      ),
    );
  } }, make("summary", {}, "Table"), body);
  return details;
}

function saveCsv(title, columns, values) {
  const quoted = (value) => {
    // a text that begins like a formula stays a text in a spreadsheet
    const text = typeof value === "string" ? value.replace(/^(?=[=+\-@\t\r])/, "'") : String(value ?? "");
    return `"${text.replaceAll('"', '""')}"`;
  };
  const lines = [columns.map((column) => column.title), ...values.map((row) => columns.map((column) => row[column.field]))];
  const csv = lines.map((line) => line.map(quoted).join(",") + "\r\n").join("");
  const link = make("a", { download: `${title}, ${state.from} to ${state.to}.csv`, href: URL.createObjectURL(new Blob(["\ufeff", csv], { type: "text/csv" })) });
  link.click();
  URL.revokeObjectURL(link.href);
}

const xDay = (extra = {}) => ({ field: "t", type: "temporal", scale: { type: "utc", domain: [toTime(state.from), toTime(state.to)] }, axis: { format: days() > 400 ? "%b %Y" : "%-d %b", title: null }, ...extra });
// Bars above and below the line: days, or weeks where days would be too thin to see.
function bars(title, kinds, colors, values, options) {
  const width = days() > 180 ? 7 : 1;
  const sums = {};
  for (const { date, kind, flow } of values) {
    const start = width === 1 ? date : addDays(date, -((new Date(toTime(date)).getUTCDay() + 6) % 7));
    (sums[start + kind] ??= { start, kind, flow: 0 }).flow += flow;
  }
  const tops = {};
  const rects = Object.values(sums).map(({ start, kind, flow }) => ({
    kind,
    low: tops[start + (flow > 0)] ?? 0,
    high: (tops[start + (flow > 0)] = (tops[start + (flow > 0)] ?? 0) + flow),
    users: Math.abs(flow),
    name: capital(label(kind)),
    day: (width === 7 ? "Week of " : "") + longDay(start),
    t: toTime(start) + 0.1 * width * DAY,
    end: toTime(start) + 0.9 * width * DAY,
  }));
  chart(
    title,
    {
      mark: { type: "rect", clip: true },
      encoding: {
        x: xDay({ scale: { type: "utc", domain: [toTime(state.from), toTime(state.to) + DAY] } }),
        x2: { field: "end", type: "temporal" },
        y2: { field: "high" },
        y: { field: "low", type: "quantitative", title: null, scale: { zero: true }, axis: { labelExpr: "format(abs(datum.value), ',d')", tickMinStep: 1 } },
        color: { field: "kind", type: "nominal", ...palette(kinds, colors) },
        tooltip: tip(["day", width === 7 ? "Week" : "Day"], ["name", "Kind"], ["users", "Users", ",d"]),
      },
    },
    rects,
    options,
  );
}

// Whether white is easier to read than black on a cell that is so far from the weakest colour of a heat map to the strongest.
function isDark(share) {
  const [weakest, strongest] = ["heat0", "heat"].map((name) => color(name).slice(1).match(/../g).map((part) => parseInt(part, 16) / 255));
  const linear = weakest.map((part, position) => part + (strongest[position] - part) * share).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] < 0.179;
}

const palette = (names, colors) => ({ scale: { domain: names, range: colors.map(color) }, legend: { labelExpr: "upper(slice(datum.label,0,1)) + replace(slice(datum.label,1), /_/g, ' ')" } });
const tip = (...fields) => fields.map(([field, title, format]) => ({ field, title, format, type: format ? "quantitative" : "nominal" }));
const timed = (row) => ({ ...row, t: toTime(row.date), day: longDay(row.date) });

function rolling(values, width, least) {
  return values.map((_, position) => {
    const known = values.slice(Math.max(0, position + 1 - width), position + 1).filter((value) => value != null);
    return known.length >= least ? sum(known) / known.length : null;
  });
}

function lines(title, names, colors, field, options) {
  const values = names.flatMap((name) => kpi(name).map((row) => timed({ date: row.date, kpi: name, name: capital(label(name)), users: row[field] })));
  const known = values.some((row) => row.users != null) ? values : [];
  chart(
    title,
    {
      mark: { type: "line", strokeWidth: 2, point: { size: values.length > 400 ? 40 : 18, filled: true, opacity: values.length > 400 ? 0 : 1 } },
      encoding: {
        x: xDay(),
        y: { field: "users", type: "quantitative", title: null, axis: { format: ",d", tickMinStep: 1 } },
        color: { field: "kpi", type: "nominal", ...palette(names, colors), ...(names.length === 1 ? { legend: null } : {}) },
        tooltip: tip(["day", "Day"], ["name", "KPI"], ["users", "Users", ",d"]),
      },
    },
    known,
    options,
  );
}

// ---------------------------------------------------------------- Overview
const CARDS = [
  { kpi: "new_subscribers", name: "New subscribers", better: 1 },
  { kpi: "active_users", name: "Active users a day", better: 1, mean: true },
  { kpi: "blocked", name: "Blocked", better: -1 },
  { kpi: "unsubscribed", name: "Unsubscribed", better: -1 },
  { kpi: "phone_numbers", name: "Phone numbers", better: 1 },
  { kpi: "emails", name: "E-mails", better: 1 },
];

function cardValue({ kpi: name, mean }, from, to) {
  const known = (series[name] ?? []).filter((row) => row.date >= from && row.date <= to && row.users != null).map((row) => row.users);
  if (!known.length) return null;
  return mean ? sum(known) / known.length : sum(known);
}

function cardChange(spec, now) {
  const from = addDays(state.from, -days());
  const before = from < first ? null : cardValue(spec, from, addDays(state.from, -1));
  if (now == null || before == null) return ["no full period before", ""];
  const wasText = `from ${count(before)}`;
  if (before === 0) return [now ? `${wasText} in the period before` : "no change", ""];
  const change = now / before - 1;
  const shown = Math.abs(change) >= 0.0005;
  const tone = shown ? (change * spec.better > 0 ? "good" : "bad") : "";
  return [shown ? `${change > 0 ? "▲" : "▼"} ${oneDecimal.format(Math.abs(100 * change))} % ${wasText}` : `no change ${wasText}`, tone];
}

function overview() {
  const cards = make("div", { class: "cards" });
  for (const spec of CARDS.filter((each) => series[each.kpi])) {
    const now = cardValue(spec, state.from, state.to);
    const daily = kpi(spec.kpi).map((row) => row.users);
    const [change, tone] = cardChange(spec, now);
    cards.append(card(spec.name, count(now), change, tone, sparkline(daily.length > 120 ? rolling(daily, 28, 14) : daily)));
  }
  $("main").append(cards.children.length ? cards : make("p", { class: "panel empty" }, "No KPI yet: the first change shows at the second pull."));

  const active = series.active_users ?? [];
  const trend = rolling(active.map((row) => row.users), 7, 4); // over days before the range too
  const activeRows = active.map((row, position) => timed({ ...row, trend: trend[position] })).filter((row) => inRange(row.date));
  const sent = ranged("broadcasts").map((row) => timed({ ...row, text: row.message?.slice(0, 140) }));
  chart(
    "Active users",
    {
      layer: [
        {
          data: { values: sent },
          mark: sent.length > 40 ? { type: "tick", color: color("c2"), orient: "vertical", size: 8 } : { type: "rule", strokeDash: [3, 3], strokeWidth: 1.5, color: color("c2"), opacity: 0.8 },
          encoding: { x: xDay(), ...(sent.length > 40 ? { y: { datum: 0, type: "quantitative" } } : {}), tooltip: tip(["day", "Broadcast of"], ["recipients", "Recipients", ",d"], ["text", "Message"]) },
        },
        {
          mark: { type: "line", color: color("c1"), opacity: days() > 200 ? 0.15 : 0.45, strokeWidth: 1.2, point: { size: 24, filled: true, color: color("c1"), opacity: activeRows.length > 120 ? 0 : 1 } },
          encoding: { x: xDay(), y: { field: "users", type: "quantitative", title: null, axis: { format: ",d", tickMinStep: 1 } }, tooltip: tip(["day", "Day"], ["users", "Active users", ",d"], ["trend", "Mean of 7 days", ",.1f"]) },
        },
        { mark: { type: "line", color: color("c1"), strokeWidth: 2.5 }, encoding: { x: xDay(), y: { field: "trend", type: "quantitative" } } },
      ],
    },
    activeRows.some((row) => row.users != null) ? activeRows : [],
    { note: "Each day, its mean over 7 days (bold), and the broadcasts (marked).", height: 240 },
  );
  lines("Steps of engagement", STEPS, ["c6", "c1", "c3", "c2"], "total_users", { width: "half", note: "Users who stand on each step at the end of the day." });
  lines("Opinions", OPINIONS, ["c4", "c2", "c5"], "total_users", { width: "half", note: "Users by their answer to the research question." });
  lines("Growth of the base", ["new_subscribers"], ["c1"], "total_users", { width: "half", note: "Users whom the bot can reach and who are not unsubscribed, at the end of the day." });
  const flows = ["new_subscribers", "blocked", "unsubscribed"].flatMap((name) =>
    kpi(name).map((row) => ({ date: row.date, kind: name, flow: name === "new_subscribers" ? row.users : -row.users })),
  );
  bars("Came and went", ["new_subscribers", "blocked", "unsubscribed"], ["c1", "c5", "c2"], flows.filter((row) => row.flow), {
    width: "half",
    note: "New subscribers above the line, blocked and unsubscribed below.",
  });
}

// ---------------------------------------------------------------- Broadcasts
const COLUMNS = [
  { field: "sent_at", name: "Sent", show: (row) => longDay(row.date) + (row.is_mature ? "" : " · so far") },
  { field: "message", name: "Message and audience" },
  { field: "recipients", name: "Recipients", show: (row) => count(row.recipients) },
  { field: "open_rate", name: "Opened", show: (row) => percent(row.open_rate) },
  { field: "click_rate", name: "Clicked", show: (row) => percent(row.click_rate) },
  { field: "failure_rate", name: "Failed", show: (row) => percent(row.failure_rate) },
  ...[["active_users", "Active"], ["phone_numbers", "Phones"], ["emails", "E-mails"], ["moved_up", "Moved up"], ["unsubscribed", "Unsubscribed"], ["blocked", "Blocked"]].map(
    ([field, name]) => ({ field: "followed_by_" + field, name, show: (row) => count(row["followed_by_" + field]) }),
  ),
];

function broadcasts() {
  const all = ranged("broadcasts");
  const ordered = rows("broadcasts").reverse(); // those before the range too, for the trend
  const rates = ["opened", "clicked"].flatMap((kind) => {
    const values = ordered.map((row) => row[kind === "opened" ? "open_rate" : "click_rate"]);
    const trend = rolling(values.map((value, position) => (ordered[position].is_mature ? value : null)), 5, 3).map((mean, position) => (ordered[position].is_mature ? mean : null));
    return ordered.map((row, position) => timed({ date: row.date, kind, rate: values[position], trend: trend[position], name: capital(kind), text: row.message?.slice(0, 140), recipients: row.recipients, isMature: row.is_mature, state: row.is_mature ? "final" : "so far" })).filter((row) => inRange(row.date));
  });
  chart(
    "Opens and clicks",
    {
      encoding: { x: xDay(), color: { field: "kind", type: "nominal", ...palette(["opened", "clicked"], ["c1", "c2"]) } },
      layer: [
        { mark: { type: "point", size: 46, opacity: 0.85 }, encoding: { fill: { condition: { test: "datum.isMature", field: "kind", type: "nominal", legend: null }, value: color("card") }, y: { field: "rate", type: "quantitative", title: null, axis: { format: ".0%" } }, tooltip: tip(["day", "Sent"], ["name", "Counter"], ["rate", "Share of recipients", ".1%"], ["recipients", "Recipients", ",d"], ["state", "State"], ["text", "Message"]) } },
        ...(rates.some((row) => row.trend != null) ? [{ mark: { type: "line", strokeWidth: 2.5 }, encoding: { y: { field: "trend", type: "quantitative" } } }] : []),
      ],
    },
    rates,
    { note: "Share of the recipients of each broadcast; the line is the mean of five broadcasts. Empty points can still rise, and are not in the line." },
  );
  const body = make("tbody");
  const shown = make("span", { id: "shown", role: "status" });
  const header = make("tr");
  const content = make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Broadcasts, table" }, make("table", { id: "broadcasts" }, make("thead", {}, header), body));
  const small = SETTINGS.min_group > 1 ? `, or fewer than ${SETTINGS.min_group} users` : "";
  const head = panel("Broadcasts", `What recipients did within ${SETTINGS.attribution_days} days, before the next broadcast reached them. A dash: not known${small}.`, content);
  const search = make("input", { type: "search", id: "search", placeholder: "Search message or audience", "aria-label": "Search broadcasts", oninput: () => { state.search = search.value; writeHash(); fill(); } });
  search.value = state.search;
  head.append(make("div", { class: "dates" }, shown, search));

  function fill() {
    const wanted = state.search.toLowerCase();
    const found = all.filter((row) => `${row.message ?? ""} ${row.audience ?? ""}`.toLowerCase().includes(wanted));
    found.sort((a, b) => {
      const [left, right] = [a[state.sort], b[state.sort]];
      if (left == null || right == null) return (left == null) - (right == null); // what is not known stays below
      return (left < right ? -1 : left > right ? 1 : 0) * (state.up ? 1 : -1);
    });
    header.replaceChildren(
      ...COLUMNS.map((column) =>
        make("th", { class: column.field === "message" ? "text" : false, scope: "col", "aria-sort": column.field === state.sort ? (state.up ? "ascending" : "descending") : false },
          make("button", { type: "button", "data-sort": column.field, onclick: () => sortBy(column.field) }, column.name + (column.field === state.sort ? (state.up ? " ↑" : " ↓") : "")),
        ),
      ),
    );
    body.replaceChildren(
      ...found.map((row) =>
        make("tr", { "data-key": row.broadcast_key },
          ...COLUMNS.map((column) =>
            column.show
              ? make("td", { "data-field": column.field }, column.show(row))
              : make("td", { class: "text" }, make("div", { title: row.message }, row.message ?? "–"), make("div", { class: "audience", title: row.audience }, row.audience ?? "")),
          ),
        ),
      ),
    );
    if (!found.length) body.append(make("tr", {}, make("td", { colspan: COLUMNS.length, class: "empty" }, all.length ? "No broadcast holds this text." : "No broadcast in this range.")));
    shown.textContent = `${count(found.length)} of ${count(all.length)}`;
  }
  function sortBy(field) {
    state.up = state.sort === field ? !state.up : field === "message";
    state.sort = field;
    writeHash();
    fill();
    header.querySelector(`[data-sort="${field}"]`).focus();
  }
  fill();
}

// ---------------------------------------------------------------- Journeys
// A group that is too small to show has no number: it is in no sum, and the reader is told.
function leftOutNote(found) {
  const groups = found.filter((row) => row.users == null).length;
  return groups ? ` Left out, and in no sum: ${count(groups)} groups of fewer than ${SETTINGS.min_group} users.` : "";
}

function journeys() {
  const moves = ranged("transitions");
  const steps = ["none", ...STEPS];
  const cells = steps.flatMap((from) =>
    steps.filter((to) => to !== from).map((to) => {
      const found = moves.filter((move) => move.from_step === from && move.to_step === to);
      const users = sum(found.map((move) => move.users));
      const leftOut = found.filter((move) => move.users == null).length;
      return { from: label(from), to: label(to), users, leftOut, shown: leftOut ? (users ? `${count(users)}+` : "left out") : count(users) };
    }),
  );
  const strongest = Math.max(1, ...cells.map((cell) => cell.users));
  const leftOut = leftOutNote(moves);
  const heat = (field, domain) => ({ field, type: "quantitative", scale: { range: [color("heat0"), color("heat")], interpolate: "rgb", ...domain }, legend: null });
  chart(
    "From step to step",
    {
      encoding: {
        x: { field: "to", type: "nominal", sort: steps.map(label), axis: { title: "to", orient: "top", labelAngle: 0 } },
        y: { field: "from", type: "nominal", sort: steps.map(label), axis: { title: "from" } },
        tooltip: tip(["from", "From"], ["to", "To"], ["shown", "Moves"], ["leftOut", "Days left out", ",d"]),
      },
      layer: [
        { mark: { type: "rect", cornerRadius: 4 }, encoding: { color: heat("users", { domainMin: 0 }) } },
        { mark: { type: "text", fontSize: 12 }, encoding: { text: { field: "shown", type: "nominal" }, color: { condition: { test: "datum.isDark", value: "#ffffff" }, value: "#000000" } } },
      ],
    },
    moves.length ? cells.map((cell) => ({ ...cell, isDark: isDark(cell.users / strongest) })) : [],
    { width: "half", note: `Moves in the range. A user counts once a day for each move.${leftOut}`, height: 240 },
  );
  const rank = Object.fromEntries(steps.map((step, position) => [step, position]));
  const flows = moves.filter((move) => move.users != null).map((move) => {
    const up = rank[move.to_step] > rank[move.from_step];
    return { date: move.date, kind: up ? "up" : "down", flow: up ? move.users : -move.users };
  });
  bars("Up and down", ["up", "down"], ["c1", "c5"], flows, {
    width: "half",
    note: `Moves to a higher step above the line, to a lower one or none below.${leftOut}`,
    height: 240,
  });
  const field = `${state.cohort}_users`;
  const cohorts = rows("cohorts")
    .filter((row) => addDays(row.date, 7 * row.age_weeks) <= state.to && row.cohort_users > 0)
    .map((row) => ({ week: row.date, name: longDay(row.date), age: row.age_weeks, cohort: row.cohort_users, users: row[field], rate: row[field] == null ? null : row[field] / row.cohort_users }))
    .map((row) => ({ ...row, isDark: isDark(row.rate) }));
  const weeks = [...new Set(cohorts.map((row) => row.week))].sort().slice(-16);
  const recent = cohorts.filter((row) => weeks.includes(row.week));
  const head = chart(
    "Cohorts",
    {
      width: Math.max(640, $("main").clientWidth - 220),
      autosize: "pad",
      encoding: {
        x: { field: "age", type: "ordinal", scale: { domain: [...Array(13).keys()] }, axis: { title: "weeks since the week of sign-up", orient: "top", labelAngle: 0 } },
        y: { field: "name", type: "nominal", sort: { field: "week", order: "ascending" }, axis: { title: null } },
        tooltip: tip(["name", "Signed up in the week of"], ["age", "Weeks since"], ["users", "Users", ",d"], ["cohort", "Of", ",d"], ["rate", "Share", ".1%"]),
      },
      layer: [
        { mark: { type: "rect", cornerRadius: 4 }, encoding: { color: heat("rate", { domain: [0, 1] }) } },
        { mark: { type: "text", fontSize: 11 }, encoding: { text: { field: "rate", type: "quantitative", format: ".0%" }, color: { condition: { test: "datum.isDark", value: "#ffffff" }, value: "#000000" } } },
      ],
    },
    recent,
    { note: `Of those who signed up in one week, who was still ${state.cohort === "seen" ? "seen in" : "reachable at the end of"} each week after. The last 16 weeks up to the end of the range.`, height: { step: 26 } },
  );
  head.append(
    make("div", { class: "switch", role: "group", "aria-label": "Measure of cohorts" },
      ...["reachable", "seen"].map((measure) => make("button", { type: "button", "data-cohort": measure, "aria-pressed": String(state.cohort === measure), onclick: () => { state.cohort = measure; show(`[data-cohort="${measure}"]`); } }, `still ${measure}`)),
    ),
  );
}

// ---------------------------------------------------------------- Data
function dataPage() {
  const pulls = rows("pulls");
  const newest = pulls.at(-1);
  if (!newest) {
    $("main").append(make("p", { class: "panel empty" }, "No pull yet. Run the loader, then dbt build."));
    return;
  }
  const covered = Object.values(series)[0]?.filter((row) => inRange(row.date)) ?? [];
  const gaps = covered.filter((row) => row.pull_count === 0);
  const age = (Date.now() - Date.parse(newest.pulled_at)) / DAY;
  const attributes = rows("attributes")[0] ?? {};
  $("main").append(
    make("div", { class: "cards" },
      card("Last pull", longDay(newest.pulled_at.slice(0, 10)).replace(/ \d+$/, ""), `${newest.pulled_at.slice(0, 4)}, ${newest.pulled_at.slice(11, 16)} UTC`),
      card("Age of the data", age < 2 ? `${Math.round(24 * age)} hours` : `${count(age)} days`, age > 1.5 ? "a daily pull is overdue" : "up to date", age > 1.5 ? "bad" : "good"),
      card("Users in it", count(newest.users), "blocked ones too"),
      card("Days without a pull", count(gaps.length), `of ${count(covered.length)} in this range`, gaps.length ? "bad" : "good"),
      card("Attributes", count(attributes.attributes), `${count(attributes.empty_attributes)} that nobody has`),
      card("Still for 90 days", count(attributes.still_attributes), "attributes, maybe dead"),
    ),
  );
  chart(
    "Days and pulls",
    {
      mark: { type: "rect", cornerRadius: 2, stroke: color("card"), strokeWidth: 1 },
      encoding: {
        x: { ...xDay(), timeUnit: "utcyearmonthdate", scale: { type: "utc" } },
        color: { field: "state", type: "nominal", ...palette(["a pull", "gap"], ["c1", "c5"]) },
        tooltip: tip(["day", "Day"], ["pull_count", "Pulls", ",d"]),
      },
    },
    covered.map((row) => timed({ ...row, state: row.pull_count ? "a pull" : "gap" })),
    { note: "The days that pulls report on. Each pull reports on the middle of the time since the one before.", height: 36 },
  );
  chart(
    "Users in each pull",
    { mark: { type: "line", strokeWidth: 2, color: color("c1"), point: { size: days() > 120 ? 40 : 18, filled: true, color: color("c1"), opacity: days() > 120 ? 0 : 1 } }, encoding: { x: xDay(), y: { field: "users", type: "quantitative", title: null, axis: { format: ",d", tickMinStep: 1 } }, tooltip: tip(["pulled_at", "Pulled at"], ["users", "Users", ",d"]) } },
    pulls.filter((row) => inRange(row.date)).map(timed),
    { width: "half", note: "A sudden step that no broadcast explains is worth a look." },
  );
  const changes = ranged("catalogue");
  panel(
    "Attributes added and retired",
    "What the team created and removed in this range.",
    changes.length
      ? make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Attributes, table", style: "max-height:236px" },
          make("table", { id: "catalogue" },
            make("thead", {}, make("tr", {}, ...["Day", "Attribute", "Change"].map((name) => make("th", { class: name === "Attribute" ? "plain text" : "plain", scope: "col" }, name)))),
            make("tbody", {}, ...changes.map((row) => make("tr", {}, make("td", {}, longDay(row.date)), make("td", { class: "text" }, row.attribute_name), make("td", {}, row.change)))),
          ),
        )
      : make("p", { class: "empty" }, "None in this range."),
    "half",
  );
}

// ---------------------------------------------------------------- the page
const DRAW = { overview, broadcasts, journeys, data: dataPage };

function fillDates() {
  // to set a field, even to what it shows, interrupts who types in it
  for (const end of ["from", "to"]) if ($(end).value !== state[end]) $(end).value = state[end];
}

async function show(focus) {
  document.body.removeAttribute("data-ready");
  writeHash();
  views.forEach((view) => view.finalize());
  views = [];
  drawing = [];
  const pulledAt = rows("pulls").at(-1)?.pulled_at;
  $("as-of").textContent = pulledAt ? `last pull ${longDay(pulledAt.slice(0, 10))}, ${pulledAt.slice(11, 16)} UTC; days are those of ${SETTINGS.timezone}` : "no pull yet";
  $("pages").replaceChildren(
    ...Object.entries(PAGES).map(([page, name]) => make("button", { type: "button", "data-page": page, "aria-current": page === state.page ? "page" : false, onclick: () => { state.page = page; show(`[data-page="${page}"]`); } }, name)),
  );
  $("presets").replaceChildren(
    ...Object.entries(PRESETS)
      .sort(([a], [b]) => (Number(a) || 1e9) - (Number(b) || 1e9))
      .filter(([days]) => Number(days) < span())
      .map(([days, name]) => {
        const from = Number(days) ? addDays(last, 1 - days) : first;
        const pressed = state.from === from && state.to === last;
        return make("button", { type: "button", "data-days": days, "aria-pressed": String(pressed), onclick: () => { setRange(Number(days)); show(`[data-days="${days}"]`); } }, name);
      }),
  );
  fillDates();
  $("main").replaceChildren();
  DRAW[state.page]();
  if (typeof focus === "string") document.querySelector(focus)?.focus({ preventScroll: true });
  const drawn = drawing;
  await Promise.all(drawn);
  if (drawn === drawing) document.body.dataset.ready = state.page;
}

// While a year is typed, the browser reports years 2, 20 and 202: a day that the data cannot have waits until the field is left.
function takeDates() {
  const [from, to] = [$("from").value, $("to").value];
  if (!from || !to || (from === state.from && to === state.to)) return;
  [state.from, state.to] = from > to ? [to, from] : [from, to];
  show();
}
for (const end of ["from", "to"]) {
  $(end).addEventListener("change", () => {
    const day = $(end).value;
    if (day >= first && day <= last && $("from").value <= $("to").value) takeDates();
  });
  $(end).addEventListener("blur", () => { takeDates(); fillDates(); });
  $(end).addEventListener("keydown", (event) => { if (event.key === "Enter") takeDates(); });
}
$("bot-label").hidden = BOTS.length < 2;
$("bot").append(...BOTS.map((bot) => make("option", { value: bot }, bot)));
$("bot").addEventListener("change", () => { chooseBot($("bot").value); setRange(defaultDays()); show(); });
$("skip").addEventListener("click", (event) => { event.preventDefault(); $("main").focus(); });
window.addEventListener("hashchange", () => { readHash(); show(); });
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show());
readHash();
$("bot").value = state.bot;
show();
