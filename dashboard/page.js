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
const MEANING = Object.fromEntries(DATA.definitions.name.map((name, position) => [name, DATA.definitions.description[position]]));
const SETTINGS = Object.fromEntries(Object.entries(DATA.settings).map(([name, values]) => [name, values[0]]));
const STEPS = SETTINGS.engagement_steps.split(",");
const OPINIONS = SETTINGS.opinions.split(",");

// ---------------------------------------------------------------- numbers and days
const number = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 }); // as the reader writes numbers
const oneDecimal = new Intl.NumberFormat(undefined, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const count = (value) => (value == null ? "–" : number.format(value));
const percent = (value) => (value == null ? "–" : oneDecimal.format(100 * value) + " %");
const label = (name) => (name === "none" ? "no step" : name.replaceAll("_", " ").replace("emails", "e-mails"));
const capital = (text) => ({ tiktok: "TikTok", whatsapp: "WhatsApp" })[text] ?? text[0].toUpperCase() + text.slice(1);
const toTime = (day) => Date.parse(day + "T00:00:00Z");
const toDay = (time) => new Date(time).toISOString().slice(0, 10);
const addDays = (day, days) => toDay(toTime(day) + days * DAY);
const dayFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
const longDay = (day) => dayFormat.format(toTime(day));
const sum = (values) => values.reduce((total, value) => total + (value ?? 0), 0);

// The rows of the chosen bot; none of an area that is switched off.
function rows(name) {
  const columns = Object.entries(DATA[name] ?? { bot_id: [] });
  const found = [];
  DATA[name]?.bot_id.forEach((bot, position) => {
    if (bot === state.bot) found.push(Object.fromEntries(columns.map(([column, values]) => [column, values[position]])));
  });
  return found;
}

// ---------------------------------------------------------------- state
const BOTS = [...new Set([...DATA.pulls.bot_id, ...(DATA.kpis?.bot_id ?? [])])].sort();
const NAMES = Object.fromEntries((DATA.bots?.bot_id ?? []).map((bot, position) => [bot, DATA.bots.bot_name[position]]));
const state = { page: "overview", bot: BOTS[0], from: "", to: "", sort: "sent_at", up: false, search: "", cohort: "reachable", broadcast: null };
let series = {}; // of the chosen bot: KPI -> rows by day
let first = "";
let last = "";

function chooseBot(bot) {
  state.bot = bot;
  series = {};
  for (const row of rows("kpis")) if (row.platform === "all") (series[row.kpi] ??= []).push(row);
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
  state.broadcast = rows("broadcasts").some((row) => row.broadcast_key === asked.get("broadcast")) ? asked.get("broadcast") : null;
  writeHash({ isStep: false });
}

function addressOf({ page, broadcast }) {
  const hash = new URLSearchParams({ page, from: state.from, to: state.to });
  if (BOTS.length > 1) hash.set("bot", state.bot);
  if (page === "broadcasts" && broadcast) hash.set("broadcast", broadcast);
  return hash;
}

// Another page, bot or range is a step that Back undoes; what only refines the page, or came with the address, is none.
function writeHash({ isStep = true } = {}) {
  const hash = addressOf(state);
  if (state.search) hash.set("search", state.search);
  if (state.sort !== "sent_at" || state.up) hash.set("sort", state.sort);
  if (state.up) hash.set("up", "1");
  if (state.cohort !== "reachable") hash.set("cohort", state.cohort);
  const before = new URLSearchParams(location.hash.slice(1));
  const isOther = ["page", "bot", "from", "to", "broadcast"].some((name) => before.get(name) !== hash.get(name));
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

// A "?" that says what numbers mean, in the words of the columns that they are read from; a KPI of the team's own has no column.
const meaning = (name) => MEANING[name] ?? MEANING[/^kpis\..*_total$/.test(name) ? "values.total_users" : name.replace(/^kpis\..*/, "values.users")];
let asked = null;
function why(...names) {
  const told = names.filter((name) => meaning(name)).map((name) => (names.length > 1 ? `${capital(label(name.split(".").at(-1)))}: ` : "") + meaning(name).replaceAll("`", ""));
  if (!told.length) return null;
  const button = make("button", { type: "button", class: "why", "aria-label": `What is ${label(names[0].split(".").at(-1))}?`, title: told.join("\n"), onclick: (event) => {
    const box = $("meaning");
    // the browser opens and closes the box; while it is open for another "?", it stays so
    if (asked !== button && box.matches(":popover-open")) event.preventDefault();
    asked = button;
    const place = button.getBoundingClientRect();
    const isLow = place.bottom > window.innerHeight - 180;
    box.textContent = told.join("\n");
    box.style.left = `${Math.max(8, Math.min(place.left, window.innerWidth - 348))}px`;
    box.style.top = isLow ? "auto" : `${place.bottom + 6}px`;
    box.style.bottom = isLow ? `${window.innerHeight - place.top + 6}px` : "auto";
  } }, "?");
  button.popoverTargetElement = $("meaning");
  return button;
}

function panel(title, note, content, { width = "", defined = [] } = {}) {
  const head = make("div", { class: "head" }, make("h2", {}, title, why(...defined)));
  const section = make("section", { class: `panel ${width}`, "aria-label": title }, head, make("p", { class: "note" }, note), content);
  $("main").append(section);
  return head;
}

// A table that can be saved. A column has a name, and of a row what it shows, and what a file holds (`value`).
function heading({ name, isText, defined = [] }, attributes = {}, ...content) {
  return make("th", { class: isText ? "text" : false, scope: "col", ...attributes }, ...(content.length ? content : [name]), why(...defined));
}

function scrolling(title, content) {
  return make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `${title}, table` }, content);
}

function table(title, columns, rows, { id = null, attributes = () => ({}) } = {}) {
  return scrolling(title, make("table", { id, class: columns.length > 4 ? "wide" : false },
    make("thead", {}, make("tr", {}, ...columns.map((column) => heading(column)))),
    make("tbody", {}, ...rows.map((row) => make("tr", attributes(row), ...columns.map((column) => cell(column, row))))),
  ));
}

// On a phone a cell stands below its name, not below the head of its column.
function cell(column, row) {
  return make("td", { class: column.isText ? "text" : false, "data-field": column.field, "data-name": column.name }, ...[column.show(row)].flat());
}

function csv(title, columns, rows) {
  return make("button", { type: "button", class: "csv", onclick: () => saveCsv(title, columns, typeof rows === "function" ? rows() : rows) }, "Save as CSV");
}

function tablePanel(title, note, columns, rows, { width, empty, ...options }) {
  const head = panel(title, note, rows.length ? table(title, columns, rows, options) : make("p", { class: "empty" }, empty), { width });
  if (rows.length) head.append(csv(title, columns, rows));
}

function card(name, value, change, { tone = "", spark = null, defined = [] } = {}) {
  return make(
    "div",
    { class: "card", "data-card": name },
    make("div", { class: "label" }, name, why(...defined)),
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
const isNarrow = () => window.innerWidth < 560;
let drawing = [];
let views = [];

// `defined` tells for a field which columns its numbers are read from.
function chart(title, spec, values, { width = "", note = "", height = 220, defined = {}, isHatched = false } = {}) {
  if (!values.length) return panel(title, note, make("p", { class: "empty" }, "Nothing in this range."), { width });
  const place = make("div", { class: "chart" });
  const head = panel(title, note, make("div", {}, place, asTable(title, spec, values, defined)), { width, defined: [...new Set(Object.values(defined).flat())] });
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
      legend: { labelColor: color("ink"), title: null, orient: "top", direction: "horizontal", symbolType: "circle", symbolStrokeWidth: 2, labelFontSize: 12, offset: 10, columns: isNarrow() ? 2 : 6 },
      text: { fill: color("ink"), fontSize: 11 },
      rule: { color: color("soft") },
    },
  };
  drawing.push(
    window.vegaEmbed(place, full, { actions: false, renderer: days() > 400 && !isHatched ? "canvas" : "svg", tooltip: { theme: "custom" }, formatLocale }).then(({ view }) => views.push(view)),
  );
  return head;
}

// What a chart draws, as a table and as CSV: the columns are those of its tooltip.
function asTable(title, spec, values, defined) {
  const fields = [spec, ...(spec.layer ?? [])].map((part) => part.encoding?.tooltip).find(Boolean);
  const show = ({ format }, value) => (value == null || !format ? (value ?? "–") : format.endsWith("%") ? percent(value) : number.format(value));
  const columns = fields.map((one) => ({ name: one.title, defined: defined[one.field], show: (row) => String(show(one, row[one.field])), value: (row) => row[one.field] }));
  const details = make("details", { ontoggle: () => {
    if (details.open && details.children.length === 1) details.append(csv(title, columns, values), table(title, columns, values));
  } }, make("summary", {}, "Table"));
  return details;
}

function saveCsv(title, columns, found) {
  const quoted = (value) => {
    // a text that begins like a formula stays a text in a spreadsheet
    const text = typeof value === "string" ? value.replace(/^(?=[=+\-@\t\r])/, "'") : String(value ?? "");
    return `"${text.replaceAll('"', '""')}"`;
  };
  const lines = [columns.map((column) => column.name), ...found.map((row) => columns.map((column) => column.value(row)))];
  const text = lines.map((line) => line.map(quoted).join(",") + "\r\n").join("");
  const link = make("a", { download: `${title}, ${state.from} to ${state.to}.csv`, href: URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv" })) });
  link.click();
  URL.revokeObjectURL(link.href);
}

const xDay = (extra = {}) => ({ field: "t", type: "temporal", scale: { type: "utc", domain: [toTime(state.from), toTime(state.to)] }, axis: { format: days() > 400 ? "%b %Y" : "%-d %b", title: null }, ...extra });
// Bars above and below the line: days, or weeks where days would be too thin to see. A hollow bar is no full day or week, or more than one: `note` says.
function bars(title, kinds, colors, values, { leftOut = [], ...options }) {
  const width = days() > 180 ? 7 : 1;
  const startOf = (date) => (width === 1 ? date : addDays(date, -((new Date(toTime(date)).getUTCDay() + 6) % 7)));
  const weekNote = (start) => {
    const [from, to] = [start < state.from ? state.from : start, [addDays(start, 6), state.to, last].sort()[0]];
    const shown = (toTime(to) - toTime(from)) / DAY + 1;
    return width === 7 && shown < 7 ? `${shown} of 7 days` : "";
  };
  const sums = {};
  for (const { date, kind, flow, note } of values) {
    const start = startOf(date);
    const bar = (sums[start + kind] ??= { start, kind, flow: 0, note: weekNote(start) });
    bar.flow += flow;
    bar.note ||= note ?? "";
  }
  const tops = {};
  const rects = Object.values(sums).map(({ start, kind, flow, note }) => ({
    kind,
    note,
    low: tops[start + (flow > 0)] ?? 0,
    high: (tops[start + (flow > 0)] = (tops[start + (flow > 0)] ?? 0) + flow),
    users: Math.abs(flow),
    name: capital(label(kind)),
    day: (width === 7 ? "Week of " : "") + longDay(start),
    t: toTime(start) + 0.1 * width * DAY,
    end: toTime(start) + 0.9 * width * DAY,
  }));
  const x = xDay({ scale: { type: "utc", domain: [toTime(state.from), toTime(state.to) + DAY] } });
  chart(
    title,
    {
      layer: [
        {
          mark: { type: "rect", clip: true, strokeWidth: 1.5 },
          encoding: {
            x,
            x2: { field: "end", type: "temporal" },
            y2: { field: "high" },
            y: { field: "low", type: "quantitative", title: null, scale: { zero: true }, axis: { labelExpr: "format(abs(datum.value), ',d')", tickMinStep: 1 } },
            stroke: { field: "kind", type: "nominal", ...palette(kinds, colors) },
            fill: { condition: { test: "datum.note", value: color("card") }, field: "kind", type: "nominal", ...palette(kinds, colors) },
            tooltip: tip(["day", width === 7 ? "Week" : "Day"], ["name", "Kind"], ["users", "Users", ",d"], ["note", "Note"]),
          },
        },
        ...(leftOut.length ? [{ data: { values: leftOut.map((date) => ({ t: toTime(startOf(date)) + 0.5 * width * DAY, zero: 0 })) }, mark: { type: "point", shape: "cross", size: 50, color: color("soft"), filled: true }, encoding: { x, y: { field: "zero", type: "quantitative" } } }] : []),
      ],
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
    { ...options, defined: { users: names.map((name) => `kpis.${name}${field === "total_users" ? "_total" : ""}`) } },
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

const MOVES = [
  ["appeared", 1, "c1"],
  ["returned", 1, "c3"],
  ["unblocked", 1, "c4"],
  ["blocked", -1, "c5"],
  ["disappeared", -1, "c2"],
];

// Days that stand for more than one, or for a part of one.
const isUneven = (row) => row.window_days != null && (row.window_days > 1.25 || row.window_days < 0.75);
function unevenNote(found) {
  const uneven = found.filter(isUneven);
  const gaps = found.filter((row) => row.pull_count === 0).length;
  const days = uneven.slice(-3).map((row) => `${longDay(row.date)} (${oneDecimal.format(row.window_days)})`).join(", ");
  return (gaps ? ` ${count(gaps)} days have no pull: what changed on them is shown on the day in their middle.` : "")
    + (uneven.length ? ` Days that stand for more or less than one day: ${uneven.length > 3 ? `${count(uneven.length)}, the last ` : ""}${days}.` : "");
}

// Whom the bot reached in the range, and what made it so many; null if no pull of the range tells.
function reach() {
  const known = ranged("base").filter((row) => row.pull_count > 0);
  if (!known.length) return null;
  const isTold = known.every((row) => row.reachable_at_start != null && row.reachable_at_end != null && row.reachable_appeared != null);
  const total = (move) => (isTold ? sum(known.map((row) => row["reachable_" + move])) : null);
  return { isTold, total, from: known[0].date, to: known.at(-1).date, before: known[0].reachable_at_start, after: known.at(-1).reachable_at_end };
}

// The last broadcasts, the newest first, each at the greatest age that it has reached, beside the others at that age.
function lastBroadcasts() {
  return rows("broadcasts").filter((row) => row.date <= state.to && row.opened != null).slice(0, 5).map((row) => {
    const ages = rows("ages").filter((age) => age.broadcast_key === row.broadcast_key && age.is_mature);
    return { ...row, isAged: ages.length > 0, at: ages.filter((age) => age.open_rate != null).at(-1) };
  });
}

const agedDays = (at) => `${at.age_days} ${at.age_days > 1 ? "days" : "day"}`;
const more = (change) => `${count(Math.abs(change))} ${change < 0 ? "fewer" : "more"}`;

// The answers to what is asked first, each a sentence whose numbers stand below.
function inShort() {
  const told = [];
  const found = reach();
  if (found?.isTold) {
    const { total, before, after } = found;
    const came = total("returned") + total("unblocked");
    const left = total("blocked") + total("disappeared");
    told.push(["Are we growing?", `${after === before ? "No change" : more(after - before) + " reachable users"} from ${longDay(found.from)} to ${longDay(found.to)}: ${count(total("appeared"))} new, ${count(came)} back, ${count(left)} lost.${pace()}`, "kpis.reachable_at_end"]);
  }
  const sent = lastBroadcasts();
  const aged = sent.find((row) => row.at?.usual_open_rate != null);
  const beside = (name, kind) => `${name} by ${percent(aged.at[`${kind}_rate`])}, usual are ${percent(aged.at[`usual_${kind}_rate`])}`;
  if (aged) told.push(["Was the last broadcast better than usual?", `${aged === sent[0] ? "" : `That of ${longDay(sent[0].date)} cannot be compared yet. `}That of ${longDay(aged.date)}, after ${agedDays(aged.at)}: ${beside("opened", "open")}; ${beside("clicked", "click")}.`, "ages.usual_open_rate"]);
  const odd = ranged("unusual").sort((a, b) => Math.abs(b.spreads_off) - Math.abs(a.spreads_off))[0];
  if (Object.keys(series).length) told.push(["What should I look at?", odd ? `${capital(label(odd.kpi))} on ${longDay(odd.date)}: ${count(odd.users)} users, where ${expected(odd)} were to be expected. ${ranged("unusual").length > 1 ? `It is the farthest off of ${count(ranged("unusual").length)}.` : ""}` : "No day of the range was unusual.", "unusual"]);
  if (!told.length) return;
  panel("In short", "The answers, of the days chosen above; the numbers behind them stand below.", make("dl", { id: "short" }, ...told.flatMap(([question, answer, name]) => [make("dt", {}, question), make("dd", {}, answer, why(name))])));
}

// The cards once more, each platform beside the sum of all.
function byPlatform() {
  const found = ranged("kpis").filter((row) => row.users != null);
  const platforms = [...new Set(found.map((row) => row.platform))].filter((platform) => platform !== "all").sort();
  const shown = CARDS.filter((spec) => found.some((row) => row.kpi === spec.kpi));
  if (platforms.length < 2) return;
  const total = ({ kpi: name }, platform) => sum(found.filter((row) => row.kpi === name && row.platform === platform).map((row) => row.users));
  tablePanel(
    "By platform",
    "The days of the range added up: who was active on two days counts twice.",
    [
      { name: "What", show: (spec) => capital(label(spec.kpi)), value: (spec) => spec.kpi },
      ...[...platforms, "all"].map((platform) => ({ name: capital(platform), show: (spec) => count(total(spec, platform)), value: (spec) => total(spec, platform), defined: ["values.platform", "values.users"] })),
    ],
    shown,
    { id: "platforms", width: rows("hours").length ? "half" : "" },
  );
}

// When in the week users are there, so that a message finds them.
function hours() {
  const found = rows("hours");
  if (!found.length) return;
  const days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
  const most = Math.max(1, ...found.map((row) => row.event_count ?? 0));
  chart(
    "When are users there?",
    {
      mark: { type: "rect" },
      encoding: {
        x: { field: "local_hour", type: "ordinal", scale: { domain: [...Array(24).keys()] }, axis: { title: `hour, ${SETTINGS.timezone}`, labelAngle: 0, labelOverlap: true } },
        y: { field: "day", type: "nominal", sort: days, axis: { title: null } },
        color: { field: "event_count", type: "quantitative", scale: { domain: [0, most], range: [color("heat0"), color("heat")], interpolate: "rgb" }, legend: null },
        tooltip: tip(["day", "Day"], ["local_hour", "Hour", ",d"], ["event_count", "Visits", ",d"]),
      },
    },
    found.map((row) => ({ ...row, day: days[row.weekday - 1] })),
    { width: "half", note: `Visits by weekday and hour, of all days there are; the darker, the more. Of a user only the last visit before each pull is known, so that the hours before it weigh more. Blank: none${SETTINGS.min_group > 1 ? `, or fewer than ${SETTINGS.min_group}` : ""}.`, defined: { local_hour: ["hours.local_hour"], event_count: ["hours.event_count"] } },
  );
}

// What goes on if nothing changes, and on how much that stands.
function pace() {
  const { weeks, change_a_week: change } = rows("pace")[0] ?? {};
  return weeks ? ` At the pace of ${weeks > 1 ? `the last ${weeks} whole weeks` : "one whole week"}: ${more(Math.round(change))} a week.` : "";
}

const upToOneDecimal = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const expected = (row) => `${upToOneDecimal.format(row.expected_from)} to ${upToOneDecimal.format(row.expected_to)}`;

// Whom we can reach: every number is one of the sum.
function base() {
  const found = ranged("base");
  const reached = reach();
  if (!reached) return;
  const part = (sign, name, column, value) =>
    make("div", { class: "part", "data-part": column }, make("b", {}, `${sign}${count(value)}`), make("span", {}, name, why(`kpis.${column}`)));
  panel(
    "Whom can we reach, and why?",
    `Users whom the bot can reach, unsubscribed ones too, from the first day of the range to the last.${reached.isTold ? "" : " A pull in the range tells no status, so that it cannot be told who came and went."}${unevenNote(found)}`,
    make("div", { class: "sum" },
      part("", `at the start of ${longDay(reached.from)}`, "reachable_at_start", reached.before),
      ...MOVES.map(([move, sign]) => part(sign > 0 ? "+ " : "− ", move, `reachable_${move}`, reached.total(move))),
      part("= ", `at the end of ${longDay(reached.to)}`, "reachable_at_end", reached.after),
    ),
  );
  const standing = found.map((row) => timed({ date: row.date, users: row.reachable_at_end }));
  chart(
    "Growth of the base",
    {
      mark: { type: "line", strokeWidth: 2, color: color("c1"), point: { size: standing.length > 400 ? 40 : 18, filled: true, color: color("c1"), opacity: standing.length > 400 ? 0 : 1 } },
      encoding: { x: xDay(), y: { field: "users", type: "quantitative", title: null, axis: { format: ",d", tickMinStep: 1 } }, tooltip: tip(["day", "Day"], ["users", "Users", ",d"]) },
    },
    standing.some((row) => row.users != null) ? standing : [],
    { width: "half", note: "Users whom the bot can reach, at the end of the day.", defined: { users: ["kpis.reachable_at_end"] } },
  );
  const flows = MOVES.flatMap(([move, sign]) => found.map((row) => ({ date: row.date, kind: move, flow: sign * row["reachable_" + move], note: isUneven(row) ? `stands for ${oneDecimal.format(row.window_days)} days` : "" })));
  bars("Came and went", MOVES.map(([move]) => move), MOVES.map(([, , paint]) => paint), flows.filter((row) => row.flow), {
    width: "half",
    note: `What made it so many: who came above the line, who went below.${found.some(isUneven) || days() > 180 ? " Hollow bars stand for more or less than the others." : ""}`,
    defined: { users: MOVES.map(([move]) => `kpis.reachable_${move}`), note: ["kpis.window_days"] },
  });
}

function atEqualAge() {
  const versus = (rate, usual) => (rate == null || usual == null ? "–" : `${rate >= usual ? "▲" : "▼"} ${oneDecimal.format(100 * Math.abs(rate - usual))} points`);
  const of = (kind, name) => [
    { field: `${kind}_rate`, name, show: ({ at }) => percent(at?.[`${kind}_rate`]), value: ({ at }) => at?.[`${kind}_rate`], defined: [`ages.${kind}_rate`] },
    { name: "against usual", show: ({ at }) => versus(at?.[`${kind}_rate`], at?.[`usual_${kind}_rate`]), value: ({ at }) => at?.[`usual_${kind}_rate`], defined: [`ages.usual_${kind}_rate`, "ages.compared_broadcasts"] },
  ];
  tablePanel(
    "Were the last broadcasts better than usual?",
    "Each at the greatest age of 1, 2, 3 or 7 days that it has reached. Usual: the median, at that age, of the up to 20 broadcasts before it.",
    [
      { name: "Sent", show: (row) => longDay(row.date), value: (row) => row.date },
      { name: "Message", isText: true, show: linkTo, value: (row) => row.message },
      { name: "At the age of", show: ({ at, isAged }) => (at ? agedDays(at) : isAged ? "no pull in time" : "not a day old"), value: ({ at }) => at?.age_days, defined: ["ages.age_days"] },
      ...of("open", "Opened"),
      ...of("click", "Clicked"),
    ],
    lastBroadcasts(),
    { id: "last-broadcasts", empty: rows("broadcasts").length ? "Nobody tells who opened the broadcasts of this bot." : "No broadcast yet.", attributes: (row) => ({ "data-key": row.broadcast_key }) },
  );
}

function unusual() {
  const found = ranged("unusual");
  const sent = Object.fromEntries(rows("broadcasts").map((row) => [row.broadcast_key, row]));
  const before = (row) => sent[row.nearest_broadcast_key];
  tablePanel(
    "What is unusual?",
    `Days outside of what the same weekdays before them let expect, the newest first.${found.length > 10 ? ` ${count(found.length)} in the range; the newest 10 are shown.` : ""}`,
    [
      { name: "Day", show: (row) => longDay(row.date), value: (row) => row.date },
      { name: "What", isText: true, show: (row) => [capital(label(row.kpi)), why(`kpis.${row.kpi}`)], value: (row) => row.kpi },
      { name: "Users", show: (row) => count(row.users), value: (row) => row.users, defined: ["unusual.users"] },
      { name: "Expected", show: expected, value: expected, defined: ["unusual.expected_from", "unusual.expected_to"] },
      { name: "Spreads off", show: (row) => `${row.spreads_off > 0 ? "▲" : "▼"} ${oneDecimal.format(Math.abs(row.spreads_off))}`, value: (row) => row.spreads_off, defined: ["unusual.spreads_off"] },
      { name: "Last broadcast", isText: true, show: (row) => (before(row) ? linkTo(before(row)) : "none in the two days before"), value: (row) => before(row)?.message },
    ],
    found.slice(0, 10),
    { id: "unusual", empty: "No day of the range. A day is judged once two of its weekdays are known." },
  );
}

function linkTo(row) {
  return make("a", { href: `#${addressOf({ page: "broadcasts", broadcast: row.broadcast_key })}`, title: row.message }, row.message?.trim() ? row.message.slice(0, 140) : `Broadcast of ${longDay(row.date)}`);
}

function overview() {
  const isOnPanel = rows("pulls").at(-1)?.surface === "panel";
  if (isOnPanel) {
    $("main").append(make("p", { class: "panel" }, "This bot is on panel.chatfuel.com, which does not tell whom it can reach, who blocked it or when somebody was last seen. Those numbers are missing here; they are not zero. Its broadcasts are its WhatsApp campaigns; who opened or clicked them nobody tells."));
  }
  inShort();
  // Of a bot that has moved there, what the old surface told stands.
  if (!isOnPanel || ranged("base").some((row) => row.reachable_at_end != null)) base();
  if (!isOnPanel || rows("broadcasts").length) atEqualAge();
  const cards = make("div", { class: "cards" });
  for (const spec of CARDS.filter((each) => series[each.kpi])) {
    const now = cardValue(spec, state.from, state.to);
    const daily = kpi(spec.kpi).map((row) => row.users);
    const [change, tone] = cardChange(spec, now);
    cards.append(card(spec.name, count(now), change, { tone, spark: sparkline(daily.length > 120 ? rolling(daily, 28, 14) : daily), defined: [`kpis.${spec.kpi}`] }));
  }
  $("main").append(cards.children.length ? cards : make("p", { class: "panel empty" }, rows("pulls").length ? "No KPI yet: one pull is the state to begin with, changes show from the second on." : "No pull yet. Run the loader, then dbt build."));

  byPlatform();
  hours();
  const active = series.active_users ?? [];
  const trend = rolling(active.map((row) => row.users), 7, 4); // over days before the range too
  const activeRows = active.map((row, position) => timed({ ...row, trend: trend[position] })).filter((row) => inRange(row.date));
  const sent = ranged("broadcasts").map((row) => timed({ ...row, text: row.message?.slice(0, 140) }));
  chart(
    "Active users",
    {
      layer: [
        {
          mark: { type: "line", color: color("c1"), opacity: days() > 200 ? 0.15 : 0.45, strokeWidth: 1.2, point: { size: 24, filled: true, color: color("c1"), opacity: activeRows.length > 120 ? 0 : 1 } },
          encoding: { x: xDay(), y: { field: "users", type: "quantitative", title: null, axis: { format: ",d", tickMinStep: 1 } }, tooltip: tip(["day", "Day"], ["users", "Active users", ",d"], ["trend", "Mean of 7 days", ",.1f"]) },
        },
        { mark: { type: "line", color: color("c1"), strokeWidth: 2.5 }, encoding: { x: xDay(), y: { field: "trend", type: "quantitative" } } },
        {
          data: { values: sent },
          mark: sent.length > 40 ? { type: "tick", color: color("c2"), orient: "vertical", size: 8 } : { type: "rule", strokeDash: [3, 3], strokeWidth: 1.5, color: color("c2"), opacity: 0.8 },
          encoding: { x: xDay(), ...(sent.length > 40 ? { y: { datum: 0, type: "quantitative" } } : {}), tooltip: tip(["day", "Broadcast of"], ["recipients", "Recipients", ",d"], ["text", "Message"]) },
        },
      ],
    },
    activeRows.some((row) => row.users != null) ? activeRows : [],
    { note: "Users who started or read a broadcast: each day, its mean over 7 days (bold), and the broadcasts (marked).", height: 240, defined: { users: ["kpis.active_users"], trend: ["kpis.active_users"] } },
  );
  lines("Steps of engagement", STEPS, ["c6", "c1", "c3", "c2"], "total_users", { width: "half", note: "Users who stand on each step at the end of the day." });
  lines("Opinions", OPINIONS, ["c4", "c2", "c5"], "total_users", { width: "half", note: "Users by their answer to the research question." });
  unusual();
}

// ---------------------------------------------------------------- Broadcasts
const atTime = (at) => `${longDay(at.slice(0, 10))}, ${at.slice(11, 16)} UTC`;
// What is known of a number that may be too small to show.
const small = () => (SETTINGS.min_group > 1 ? `< ${SETTINGS.min_group}` : "–");
const isTold = (row, outcome) => !row.not_told.split(" ").includes(outcome);
const followed = (row, outcome) => (row[`followed_by_${outcome}`] == null && isTold(row, outcome) ? small() : count(row[`followed_by_${outcome}`]));
// Nobody says when a campaign of the panel went out at once, or how many a scheduled one was sent to.
const sentOn = (row) => (row.sent_after ? `${longDay(row.sent_after.slice(0, 10))} – ${longDay(row.sent_at.slice(0, 10))}` : longDay(row.date));
const sentTo = (row) => (row.recipients == null && row.known_recipients ? `${count(row.known_recipients)} known` : count(row.recipients));
const COLUMNS = [
  { field: "sent_at", name: "Sent", show: (row) => sentOn(row) + (row.is_mature ? "" : ` · so far, until ${longDay(row.matures_at.slice(0, 10))}`), value: (row) => row.sent_at },
  { field: "message", name: "Message and audience", isText: true, value: (row) => row.message, show: (row) => [make("div", { title: row.message }, linkTo(row)), make("div", { class: "audience", title: row.audience }, row.audience ?? "")] },
  { field: "recipients", name: "Recipients", show: sentTo },
  { field: "open_rate", name: "Opened", show: (row) => percent(row.open_rate) },
  { field: "click_rate", name: "Clicked", show: (row) => percent(row.click_rate) },
  { field: "failure_rate", name: "Failed", show: (row) => percent(row.failure_rate) },
  ...[["active_users", "Active"], ["phone_numbers", "Phones"], ["emails", "E-mails"], ["moved_up", "Moved up"], ["unsubscribed", "Unsubscribed"], ["blocked", "Blocked"]].map(
    ([field, name]) => ({ field: "followed_by_" + field, name, show: (row) => followed(row, field) }),
  ),
].map((column) => ({ value: (row) => row[column.field], defined: column.field === "message" ? [] : [`broadcasts.${column.field}`], ...column }));
const OUTCOMES = { seen: "Seen", active_users: "Active", moved_up: "Moved up", phone_numbers: "Phone numbers", emails: "E-mails", unsubscribed: "Unsubscribed", blocked: "Blocked", left: "Lost, either way" };

// One broadcast, at an address of its own.
function oneBroadcast(row) {
  $("main").append(
    make("p", {}, make("a", { id: "all-broadcasts", href: `#${addressOf({ page: "broadcasts" })}` }, "← All broadcasts")),
  );
  const when = row.sent_after ? `between ${atTime(row.sent_after)}, and ${atTime(row.sent_at)},` : `${row.sent_at.slice(11, 16)} UTC`;
  panel(`Broadcast of ${sentOn(row)}`, `Sent ${when} to: ${row.audience}`, make("p", { class: "message" }, row.message?.trim() ? row.message : "No text."));
  const known = row.known_recipients;
  const ripe = row.is_mature ? "final" : "so far, can still rise";
  $("main").append(
    make("div", { class: "cards" },
      card("Recipients", sentTo(row), `${count(known)} known by name`, { defined: ["broadcasts.recipients", "broadcasts.known_recipients"] }),
      card("Opened", percent(row.open_rate), `${count(row.opened)}, ${ripe}`, { defined: ["broadcasts.open_rate", "broadcasts.opened"] }),
      card("Clicked", percent(row.click_rate), `${count(row.clicked)}, ${ripe}`, { defined: ["broadcasts.click_rate", "broadcasts.clicked"] }),
      card("Failed", percent(row.failure_rate), count(row.failed), { defined: ["broadcasts.failure_rate", "broadcasts.failed"] }),
    ),
  );
  const ages = rows("ages").filter((age) => age.broadcast_key === row.broadcast_key);
  const points = ages.flatMap((age) => ["open", "click"].flatMap((kind) => [
    { age: age.age_days, kind: `${kind === "open" ? "opened" : "clicked"}`, of: "this broadcast", rate: age[`${kind}_rate`], compared: age.compared_broadcasts },
    { age: age.age_days, kind: `${kind === "open" ? "opened" : "clicked"}`, of: "usual", rate: age[`usual_${kind}_rate`], compared: age.compared_broadcasts },
  ])).filter((point) => point.rate != null);
  const unripe = ages.filter((age) => !age.is_mature);
  const reached = Math.max(0, ...ages.filter((age) => age.is_mature).map((age) => age.age_days));
  if (row.opened != null) chart(
    "At equal age",
    {
      layer: [
        ...(unripe.length ? [{ data: { values: [{ from: reached, to: 7 }] }, mark: { type: "rect", color: color("line"), opacity: 0.4 }, encoding: { x: { field: "from", type: "quantitative" }, x2: { field: "to" } } }] : []),
        {
          mark: { type: "line", strokeWidth: 2, point: { size: 40, filled: true } },
          encoding: {
            x: { field: "age", type: "quantitative", scale: { domain: [0, 7] }, axis: { title: "days since it was sent", values: [1, 2, 3, 7], format: "d" } },
            y: { field: "rate", type: "quantitative", title: null, scale: { zero: true }, axis: { format: ".0%" } },
            color: { field: "kind", type: "nominal", ...palette(["opened", "clicked"], ["c1", "c2"]) },
            strokeDash: { field: "of", type: "nominal", scale: { domain: ["this broadcast", "usual"], range: [[1, 0], [4, 3]] }, legend: null },
            tooltip: tip(["age", "Days", ",d"], ["kind", "Counter"], ["of", "Of"], ["rate", "Share of recipients", ".1%"], ["compared", "Broadcasts compared", ",d"]),
          },
        },
      ],
    },
    points,
    { note: `Dashed, what is usual: the median of the up to 20 broadcasts before it, at the same age.${unripe.length ? ` Grey: it is not so old yet; ${agedDays(unripe[0])} on ${atTime(unripe[0].matures_at)}, 7 on ${longDay(unripe.at(-1).matures_at.slice(0, 10))}.` : ""}`, width: "half", defined: { age: ["ages.age_days"], rate: ["ages.open_rate", "ages.click_rate", "ages.usual_open_rate", "ages.usual_click_rate"], compared: ["ages.compared_broadcasts"] } },
  );
  const so_far = row.is_mature ? "" : ", so far";
  tablePanel(
    "What followed, and whom it cost",
    `Of ${count(known)} known recipients, within ${SETTINGS.attribution_days} days and before a later broadcast reached them. ${row.is_mature ? "Final." : `Not over: counts until ${atTime(row.matures_at)}.`}`,
    [
      { name: "What", show: ({ field, name }) => [name, why(`broadcasts.followed_by_${field}`)], value: ({ name }) => name },
      { name: `Users${so_far}`, show: ({ field }) => followed(row, field), value: ({ field }) => row[`followed_by_${field}`], defined: ["broadcasts.known_recipients"] },
      { name: `Share${so_far}`, show: ({ users, field }) => (users == null ? (isTold(row, field) ? "left out" : "not told") : percent(users / known)), value: ({ users }) => users == null ? null : users / known, defined: ["broadcasts.followed_by_seen_rate"] },
    ],
    known ? Object.entries(OUTCOMES).map(([field, name]) => ({ field, name, users: row[`followed_by_${field}`] })) : [],
    { id: "outcomes", width: row.opened == null ? "" : "half", empty: "Nobody knows who received it, so nobody knows what they did.", attributes: ({ field }) => ({ "data-outcome": field }) },
  );
}

function broadcasts() {
  const chosen = rows("broadcasts").find((row) => row.broadcast_key === state.broadcast);
  if (chosen) return oneBroadcast(chosen);
  const all = ranged("broadcasts");
  const ordered = rows("broadcasts").reverse(); // those before the range too, for the trend
  const rates = ["opened", "clicked"].flatMap((kind) => {
    const values = ordered.map((row) => row[kind === "opened" ? "open_rate" : "click_rate"]);
    const trend = rolling(values.map((value, position) => (ordered[position].is_mature ? value : null)), 5, 3).map((mean, position) => (ordered[position].is_mature ? mean : null));
    return ordered.map((row, position) => timed({ date: row.date, kind, rate: values[position], trend: trend[position], name: capital(kind), text: row.message?.slice(0, 140), recipients: row.recipients, isMature: row.is_mature, state: row.is_mature ? "final" : `so far, until ${atTime(row.matures_at)}` })).filter((row) => inRange(row.date));
  });
  const unripe = all.filter((row) => !row.is_mature);
  if (!all.length || all.some((row) => row.opened != null)) chart(
    "Opens and clicks",
    {
      encoding: { x: xDay(), color: { field: "kind", type: "nominal", ...palette(["opened", "clicked"], ["c1", "c2"]) } },
      layer: [
        { mark: { type: "point", size: 46, opacity: 0.85 }, encoding: { fill: { condition: { test: "datum.isMature", field: "kind", type: "nominal", legend: null }, value: color("card") }, y: { field: "rate", type: "quantitative", title: null, axis: { format: ".0%" } }, tooltip: tip(["day", "Sent"], ["name", "Counter"], ["rate", "Share of recipients", ".1%"], ["recipients", "Recipients", ",d"], ["state", "State"], ["text", "Message"]) } },
        ...(rates.some((row) => row.trend != null) ? [{ mark: { type: "line", strokeWidth: 2.5 }, encoding: { y: { field: "trend", type: "quantitative" } } }] : []),
      ],
    },
    rates,
    { note: `Share of the recipients of each broadcast; the line is the mean of five broadcasts.${unripe.length ? ` Hollow points can still rise, the last until ${atTime(unripe[0].matures_at)}, and are not in the line.` : ""}`, defined: { rate: ["broadcasts.open_rate", "broadcasts.click_rate"], recipients: ["broadcasts.recipients"] } },
  );
  const body = make("tbody");
  const shown = make("span", { id: "shown", role: "status" });
  const header = make("tr");
  const title = "Broadcasts";
  const content = scrolling(title, make("table", { id: "broadcasts", class: "wide" }, make("thead", {}, header), body));
  const leftOut = SETTINGS.min_group > 1 ? `; ${small()}: fewer than ${SETTINGS.min_group} users` : "";
  const head = panel(title, `What recipients did within ${SETTINGS.attribution_days} days, before the next broadcast reached them. –: not known${leftOut}.`, content);
  const search = make("input", { type: "search", id: "search", placeholder: "Search", "aria-label": "Search message or audience", oninput: () => { state.search = search.value; writeHash(); fill(); } });
  search.value = state.search;
  let found = [];
  head.append(make("div", { class: "dates" }, shown, search, csv(title, COLUMNS, () => found)));

  function fill() {
    const wanted = state.search.toLowerCase();
    found = all.filter((row) => `${row.message ?? ""} ${row.audience ?? ""}`.toLowerCase().includes(wanted));
    found.sort((a, b) => {
      const [left, right] = [a[state.sort], b[state.sort]];
      if (left == null || right == null) return (left == null) - (right == null); // what is not known stays below
      return (left < right ? -1 : left > right ? 1 : 0) * (state.up ? 1 : -1);
    });
    header.replaceChildren(
      ...COLUMNS.map((column) => {
        const isSorted = column.field === state.sort;
        return heading(column, { "aria-sort": isSorted ? (state.up ? "ascending" : "descending") : false },
          make("button", { type: "button", class: "sort", "data-sort": column.field, onclick: () => sortBy(column.field) }, column.name + (isSorted ? (state.up ? " ↑" : " ↓") : "")));
      }),
    );
    body.replaceChildren(...found.map((row) => make("tr", { "data-key": row.broadcast_key }, ...COLUMNS.map((column) => cell(column, row)))));
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
      return { from: label(from), to: label(to), users: leftOut && !users ? null : users, leftOut, shown: leftOut ? (users ? `${count(users)}+` : "left out") : count(users) };
    }),
  );
  const strongest = Math.max(1, ...cells.map((cell) => cell.users ?? 0));
  const leftOut = leftOutNote(moves);
  // a cell without a colour shows the card
  const heatText = { condition: [{ test: "datum.isBare", value: color("ink") }, { test: "datum.isDark", value: "#ffffff" }], value: "#000000" };
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
        { mark: { type: "text", fontSize: 12 }, encoding: { text: { field: "shown", type: "nominal" }, color: heatText } },
      ],
    },
    moves.length ? cells.map((cell) => ({ ...cell, isBare: cell.users == null, isDark: isDark(cell.users / strongest) })) : [],
    { width: "half", note: `Moves in the range. A user counts once a day for each move.${leftOut}`, height: 240, defined: { shown: ["transitions.users"], leftOut: ["transitions.users"] } },
  );
  const rank = Object.fromEntries(steps.map((step, position) => [step, position]));
  const flows = moves.filter((move) => move.users != null).map((move) => {
    const up = rank[move.to_step] > rank[move.from_step];
    return { date: move.date, kind: up ? "up" : "down", flow: up ? move.users : -move.users };
  });
  bars("Up and down", ["up", "down"], ["c1", "c5"], flows, {
    width: "half",
    note: `Moves to a higher step above the line, to a lower one or none below.${leftOut}${leftOut ? " A cross stands where some were." : ""}${days() > 180 ? " Hollow bars are no whole weeks." : ""}`,
    height: 240,
    defined: { users: ["transitions.users"], note: ["transitions.date"] },
    leftOut: [...new Set(moves.filter((move) => move.users == null).map((move) => move.date))],
  });
  const field = `${state.cohort}_users`;
  const cohorts = rows("cohorts")
    .filter((row) => addDays(row.date, 7 * row.age_weeks) <= state.to && row.cohort_users !== 0)
    .map((row) => {
      const rate = row[field] == null || row.cohort_users == null ? null : row[field] / row.cohort_users;
      const until = row.is_whole_week ? null : longDay(addDays(row.date, 7 * row.age_weeks + 6));
      return {
        week: row.date, name: longDay(row.date).slice(0, isNarrow() ? -5 : undefined) + (row.is_whole_cohort ? "" : " *"), age: row.age_weeks, cohort: row.cohort_users, users: row[field], rate,
        isBare: rate == null || !row.is_whole_week, isDark: isDark(rate), isOpen: !row.is_whole_week, fill: row.is_whole_week ? rate : null,
        state: until ? `so far, until ${until}` : "final", shown: rate == null ? (isNarrow() ? "–" : "left out") : number.format(100 * rate) + (isNarrow() ? "" : " %"),
      };
    });
  const weeks = [...new Set(cohorts.map((row) => row.week))].sort().slice(-16);
  const recent = cohorts.filter((row) => weeks.includes(row.week));
  const head = chart(
    "Cohorts",
    {
      encoding: {
        x: { field: "age", type: "ordinal", scale: { domain: [...Array(13).keys()] }, axis: { title: "weeks since the week of sign-up", orient: "top", labelAngle: 0 } },
        y: { field: "name", type: "nominal", sort: { field: "week", order: "ascending" }, axis: { title: null } },
        tooltip: tip(["name", "Signed up in the week of"], ["age", "Weeks since"], ["users", "Users", ",d"], ["cohort", "Of", ",d"], ["rate", "Share", ".1%"], ["state", "State"]),
      },
      layer: [
        { mark: { type: "rect", cornerRadius: 4 }, encoding: { color: heat("fill", { domain: [0, 1] }) } },
        { transform: [{ filter: "datum.isOpen" }], mark: { type: "rect", cornerRadius: 4, fill: "transparent", stroke: color("soft"), strokeDash: [3, 2] } },
        { mark: { type: "text", fontSize: isNarrow() ? 9 : 11 }, encoding: { text: { field: "shown", type: "nominal" }, color: heatText } },
      ],
    },
    recent,
    {
      note: `Of those who signed up in one week, who was still ${state.cohort === "seen" ? "seen in" : "reachable at the end of"} each week after. The last 16 weeks up to the end of the range.${recent.some((row) => row.isOpen) ? ` Hollow: the week is not over, and counts ${recent.find((row) => row.isOpen).state.replace("so far, ", "")}.` : ""}${recent.some((row) => row.name.endsWith("*")) ? " *: signed up before the first pull; who was gone by then is not counted, so that these shares are too high." : ""}`,
      height: 26 * weeks.length,
      defined: { age: ["cohorts.age_weeks"], users: [`cohorts.${field}`], cohort: ["cohorts.cohort_users"], rate: [`cohorts.${state.cohort}_rate`] },
    },
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
      card("Last pull", longDay(newest.pulled_at.slice(0, 10)).replace(/ \d+$/, ""), `${newest.pulled_at.slice(0, 4)}, ${newest.pulled_at.slice(11, 16)} UTC`, { defined: ["pulls.pulled_at"] }),
      card("Age of the data", age < 2 ? `${Math.round(24 * age)} hours` : `${count(age)} days`, age > 1.5 ? "a daily pull is overdue" : "up to date", { tone: age > 1.5 ? "bad" : "good", defined: ["pulls.pulled_at"] }),
      card("Users in it", count(newest.users), "blocked ones too", { defined: ["pulls.users"] }),
      card("Days without a pull", count(gaps.length), `of ${count(covered.length)} in this range`, { tone: gaps.length ? "bad" : "good", defined: ["kpis.pull_count"] }),
      card("Attributes", count(attributes.attributes), `${count(attributes.empty_attributes)} that nobody has`, { defined: ["attributes", "attributes.users_with_value"] }),
      card("Still for 90 days", count(attributes.still_attributes), "attributes, maybe dead", { defined: ["attributes.days_without_change"] }),
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
    { note: "The days that pulls report on. Each pull reports on the middle of the time since the one before.", height: 36, defined: { pull_count: ["kpis.pull_count"] } },
  );
  chart(
    "Users in each pull",
    { mark: { type: "line", strokeWidth: 2, color: color("c1"), point: { size: days() > 120 ? 40 : 18, filled: true, color: color("c1"), opacity: days() > 120 ? 0 : 1 } }, encoding: { x: xDay(), y: { field: "users", type: "quantitative", title: null, axis: { format: ",d", tickMinStep: 1 } }, tooltip: tip(["pulled_at", "Pulled at"], ["users", "Users", ",d"]) } },
    pulls.filter((row) => inRange(row.date)).map(timed),
    { width: "half", note: "A sudden step that no broadcast explains is worth a look.", defined: { users: ["pulls.users"] } },
  );
  tablePanel(
    "Attributes added and retired",
    "What the team created and removed in this range.",
    [
      { name: "Day", show: (row) => longDay(row.date), value: (row) => row.date },
      { name: "Attribute", isText: true, show: (row) => row.attribute_name, value: (row) => row.attribute_name },
      { name: "Change", show: (row) => row.change, value: (row) => row.change },
    ],
    ranged("catalogue"),
    { id: "catalogue", width: "half", empty: "None in this range." },
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
  $("as-of").textContent = pulledAt ? `${NAMES[state.bot] && NAMES[state.bot] !== state.bot ? `${NAMES[state.bot]}: ` : ""}last pull ${longDay(pulledAt.slice(0, 10))}, ${pulledAt.slice(11, 16)} UTC; days are those of ${SETTINGS.timezone}` : "no pull yet";
  $("pages").replaceChildren(
    ...Object.entries(PAGES).map(([page, name]) => make("button", { type: "button", "data-page": page, "aria-current": page === state.page ? "page" : false, onclick: () => { state.page = page; state.broadcast = null; show(`[data-page="${page}"]`); } }, name)),
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
  $("range").textContent = `${longDay(state.from)} to ${longDay(state.to)}`;
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
$("bot").append(...BOTS.map((bot) => make("option", { value: bot }, NAMES[bot] ?? bot)));
$("bot").addEventListener("change", () => { chooseBot($("bot").value); state.broadcast = null; setRange(defaultDays()); show(); });
$("skip").addEventListener("click", (event) => { event.preventDefault(); $("main").focus(); });
window.addEventListener("hashchange", () => { readHash(); show(); });
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show());
readHash();
$("bot").value = state.bot;
show();
