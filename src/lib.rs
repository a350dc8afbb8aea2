//! restcast
pub mod api;
pub mod app;
pub mod broker;
pub mod capture;
pub mod cli;
pub mod config;
pub mod demo;
pub mod dialect;
pub mod event;
pub mod hub;
pub mod identity;
pub mod message;
pub mod metrics;
pub mod proxy;
pub mod route;
pub mod transport;
