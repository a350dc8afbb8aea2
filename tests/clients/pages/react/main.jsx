// Shows the list of a document's example, which build.js puts beside this file. A token after # is stored where the
// example looks for it, as an application's login would.
import { createRoot } from "react-dom/client";

import { PostsList } from "./snippet.jsx";

if (location.hash) localStorage.setItem("token", location.hash.slice(1));
createRoot(document.getElementById("root")).render(<PostsList />);
