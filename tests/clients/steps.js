// What page.js and pages.js can do on a page. Each step gives the line to print when it is done.
"use strict";

const STEPS = {
  click: async (page, selector) => {
    await page.click(selector);
    return { clicked: selector };
  },
  fill: async (page, value) => {
    const [selector, text] = value.split(/=(.*)/s);
    await page.fill(selector, text);
    return { filled: selector, text };
  },
  wait: async (page, selector) => {
    const element = await page.waitForSelector(selector);
    return { seen: selector, text: await element.innerText() };
  },
  gone: async (page, selector) => {
    await page.waitForSelector(selector, { state: "detached" });
    return { gone: selector };
  },
  screenshot: async (page, path) => {
    await page.screenshot({ path });
    return { screenshot: path };
  },
};

// For parseArgs: each step may be given several times.
const options = Object.fromEntries(Object.keys(STEPS).map((name) => [name, { type: "string", multiple: true }]));

module.exports = { STEPS, options };
