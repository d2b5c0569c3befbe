//! The dashboard: who may see and do what, what pages hold, and people in a browser.

mod access;
mod actions;
mod browser;
mod pages;
mod reach;
