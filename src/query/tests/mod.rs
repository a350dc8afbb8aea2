//! Wishes and the requests that they become, answers and what they say.
