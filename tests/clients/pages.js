// Opens pages in one headless Chromium, each in a context of its own (as if by another user), and prints what they show.
//
//   node pages.js --chromium PATH --rows SELECTOR [--pictures FOLDER] [--timeout 60] (--page NAME=URL [STEP]…)…
//
// The steps of page.js that follow a --page are done on it. {"page":NAME,"rows":[TEXT]} comes whenever the texts of
// the elements at --rows are others than before, {"page":NAME,"console":TYPE,"text","args"} for each console line, and
// {"page":NAME,…} for each step. SIGTERM ends it with 0, after a picture of each page as NAME.png; a page that throws,
// and the time, with {"error":…} and 1.
"use strict";

const path = require("node:path");
const { parseArgs } = require("node:util");
const { chromium } = require(`${process.env.RESTCAST_TEST_NODE}/playwright-core`);
const steps = require("./steps.js");

const { values: options, tokens } = parseArgs({
  tokens: true,
  options: {
    chromium: { type: "string" },
    rows: { type: "string" },
    pictures: { type: "string" },
    page: { type: "string", multiple: true },
    ...steps.options,
    timeout: { type: "string", default: "60" },
  },
});
const timeout = Number(options.timeout) * 1000;

const say = (line) => console.log(JSON.stringify(line));

// Runs in the page, before its own scripts.
function tellRows(selector) {
  let last = null;
  const look = () => {
    const rows = [...document.querySelectorAll(selector)].map((element) => element.innerText);
    if (JSON.stringify(rows) === last) return;
    last = JSON.stringify(rows);
    window.restcastRows(rows);
  };
  new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true });
}

async function open(browser, name, url, fail) {
  const page = await (await browser.newContext()).newPage();
  page.setDefaultTimeout(timeout);
  page.on("pageerror", fail);
  let printed = Promise.resolve(); // the arguments come one by one from the browser; the chain keeps the lines in order
  page.on("console", (message) => {
    printed = printed
      .then(() => Promise.all(message.args().map((argument) => argument.jsonValue())))
      .then((args) => say({ page: name, console: message.type(), text: message.text(), args }))
      .catch(fail);
  });
  await page.exposeFunction("restcastRows", (rows) => say({ page: name, rows }));
  await page.addInitScript(tellRows, options.rows);
  await page.goto(url);
  return page;
}

async function visit(browser, fail) {
  const pages = new Map();
  let name;
  for (const token of tokens) {
    if (token.name === "page") {
      const [first, url] = token.value.split(/=(.*)/s);
      name = first;
      pages.set(name, await open(browser, name, url, fail));
    } else if (token.name in steps.STEPS) {
      say({ page: name, ...(await steps.STEPS[token.name](pages.get(name), token.value)) });
    }
  }
  say({ ready: [...pages.keys()] });
  return pages;
}

async function main() {
  const asked = new Promise((resolve) => process.once("SIGTERM", resolve));
  let fail;
  const failed = new Promise((_, reject) => {
    fail = reject;
    const expire = () => reject(new Error(`not done after ${options.timeout} s`));
    AbortSignal.timeout(timeout).addEventListener("abort", expire);
  });
  const browser = await chromium.launch({ executablePath: options.chromium, handleSIGTERM: false });
  try {
    const pages = await Promise.race([visit(browser, fail), failed]);
    await Promise.race([asked, failed]);
    for (const [name, page] of options.pictures ? pages : []) {
      await page.screenshot({ path: path.join(options.pictures, `${name}.png`) });
    }
  } finally {
    await browser.close();
  }
}

main().catch((error) => {
  say({ error: error.message });
  process.exitCode = 1;
});
