// What the document's code finds on its page. The token after # is the user's.
const token = location.hash.slice(1);
localStorage.setItem("adminToken", token);
localStorage.setItem("clientToken", token);

window.updatePlatformStatus = (update) => console.log("updatePlatformStatus", update);
