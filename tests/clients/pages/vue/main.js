// A list of posts that a document's composable keeps up to date; build.js puts it beside this file. A token after # is
// the reader's.
import { createApp, h, onMounted, ref, watch } from "vue";

import { useRealtime } from "./snippet.js";

const PostsList = {
  setup() {
    const posts = ref([]);
    const { isConnected, subscribe, onEvent } = useRealtime(location.origin, location.hash.slice(1) || null);

    onMounted(async () => {
      const answer = await fetch("/api/v1/collections/posts/records");
      posts.value = (await answer.json()).items;
    });
    watch(isConnected, (connected) => connected && subscribe("posts"));
    onEvent("posts", "record.created", (event) => posts.value.unshift(event.data));
    onEvent("posts", "record.updated", ({ record_id, data }) => {
      posts.value = posts.value.map((post) => (post.id === record_id ? data : post));
    });
    onEvent("posts", "record.deleted", ({ record_id }) => {
      posts.value = posts.value.filter((post) => post.id !== record_id);
    });

    return () => [
      h("p", `Status: ${isConnected.value ? "Connected" : "Disconnected"}`),
      h("ul", posts.value.map((post) => h("li", { key: post.id }, post.title))),
    ];
  },
};

createApp(PostsList).mount("#root");
