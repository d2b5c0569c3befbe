//! One tab: what a person does and sees.

use std::path::Path;
use std::sync::Arc;

use gammaq_testkit::eventually;
use serde_json::{Value, json};

use super::pipe::Pipe;
use crate::PATIENCE;

/// A tab.
#[derive(Debug)]
pub struct Tab {
    pipe: Arc<Pipe>,
    session: String,
}

impl Tab {
    pub(super) async fn new(pipe: Arc<Pipe>, session: String) -> Self {
        let tab = Self { pipe, session };
        for domain in ["Page", "Runtime", "Log", "Audits"] {
            tab.call(&format!("{domain}.enable"), json!({})).await;
        }
        tab.size(1_100, 800).await;
        tab
    }

    async fn call(&self, method: &str, params: Value) -> Value {
        let answer = self.pipe.call(Some(&self.session), method, params).await;
        answer.expect("the browser does as it is told")
    }

    /// What an expression is, a promise's value where it is one; `Null` while a page is just being replaced.
    pub async fn eval(&self, expression: &str) -> Value {
        let params = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut answer = match self
            .pipe
            .call(Some(&self.session), "Runtime.evaluate", params)
            .await
        {
            Ok(answer) => answer,
            Err(_) => return Value::Null,
        };
        let thrown = &answer["exceptionDetails"];
        assert!(thrown.is_null(), "{expression}: {thrown}");
        answer["result"]["value"].take()
    }

    /// Goes to an address and waits until it is there.
    pub async fn open(&self, url: &str) {
        // So that the page before it is not taken for it.
        self.eval("window.former = true").await;
        self.call("Page.navigate", json!({ "url": url })).await;
        self.until("!window.former && document.readyState === 'complete'")
            .await;
    }

    /// Waits until an expression is true.
    pub async fn until(&self, expression: &str) {
        eventually(PATIENCE, expression, || async {
            match self.eval(&format!("Boolean({expression})")).await {
                Value::Bool(true) => Ok(()),
                seen => Err(format!(
                    "{seen}: {} {}",
                    self.path().await,
                    self.text("main").await
                )),
            }
        })
        .await;
    }

    /// Waits until a text stands on the page.
    pub async fn until_says(&self, text: &str) {
        self.until(&format!("document.body?.innerText.includes({})", json!(text)))
            .await;
    }

    /// Where it is: path and question.
    pub async fn path(&self) -> String {
        let path = self.eval("location.pathname + location.search").await;
        path.as_str().unwrap_or_default().to_owned()
    }

    /// The text of an element; empty where there is none.
    pub async fn text(&self, selector: &str) -> String {
        let text = self
            .eval(&format!("document.querySelector({})?.innerText", json!(selector)))
            .await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Clicks on an element with the mouse.
    pub async fn click(&self, selector: &str) {
        let find = format!(
            "(() => {{ const it = document.querySelector({}); if (!it) return null; it.scrollIntoView({{ block: 'center' }}); \
             const box = it.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; }})()",
            json!(selector)
        );
        let place = self.eval(&find).await;
        assert!(
            place.is_array(),
            "{selector} is not on {}: {}",
            self.path().await,
            self.text("main").await
        );
        for kind in ["mousePressed", "mouseReleased"] {
            let params =
                json!({ "type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", params).await;
        }
    }

    /// Clicks on what leads to another page, and waits until that is there.
    pub async fn follow(&self, selector: &str) {
        self.eval("window.former = true").await;
        self.click(selector).await;
        self.until("!window.former && document.readyState === 'complete'")
            .await;
    }

    /// Types into whatever has the focus.
    pub async fn write(&self, text: &str) {
        self.call("Input.insertText", json!({ "text": text })).await;
    }

    /// Presses `Tab`, `Enter` or ` `.
    pub async fn press(&self, key: &str) {
        let (code, number, text) = match key {
            "Tab" => ("Tab", 9, ""),
            "Enter" => ("Enter", 13, "\r"),
            " " => ("Space", 32, " "),
            other => panic!("{other} is on no key here"),
        };
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { text } else { "" };
            let params = json!({ "type": kind, "key": key, "code": code, "windowsVirtualKeyCode": number, "text": text });
            self.call("Input.dispatchKeyEvent", params).await;
        }
    }

    /// Presses `Tab` until an element that matches has the focus; answers how many stops there were before it.
    pub async fn tab_to(&self, selector: &str) -> usize {
        for stops in 0..80 {
            self.press("Tab").await;
            let is_there = format!("Boolean(document.activeElement?.matches({}))", json!(selector));
            if self.eval(&is_there).await == true {
                return stops;
            }
        }
        panic!(
            "{selector} can't be reached by the keyboard on {}",
            self.path().await
        );
    }

    /// Puts it before the others, which nobody sees then.
    pub async fn front(&self) {
        self.call("Page.bringToFront", json!({})).await;
    }

    /// How large its window is, in CSS pixels.
    pub async fn size(&self, width: u32, height: u32) {
        let params =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.call("Emulation.setDeviceMetricsOverride", params).await;
    }

    /// What the person prefers: `light` or `dark`.
    pub async fn prefer(&self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features }))
            .await;
    }

    /// Whether scripts run on the pages that come.
    pub async fn scripts(&self, run: bool) {
        self.call("Emulation.setScriptExecutionDisabled", json!({ "value": !run }))
            .await;
    }

    /// Keeps what is seen as a PNG file.
    pub async fn picture(&self, path: &Path) {
        let taken = self
            .call("Page.captureScreenshot", json!({ "format": "png" }))
            .await;
        let bytes = base64(taken["data"].as_str().unwrap_or_default());
        std::fs::write(path, bytes).expect("the picture is written");
    }

    /// What the browser complained of: errors and warnings on the console, scripts that failed, breaches of the policy.
    pub fn complaints(&self) -> Vec<String> {
        let events = self.pipe.events(&self.session);
        let bad = |event: &Value| match event["method"].as_str().unwrap_or_default() {
            "Runtime.exceptionThrown" | "Audits.issueAdded" => true,
            "Runtime.consoleAPICalled" => matches!(
                event["params"]["type"].as_str(),
                Some("error" | "warning" | "assert")
            ),
            "Log.entryAdded" => matches!(
                event["params"]["entry"]["level"].as_str(),
                Some("error" | "warning")
            ),
            _ => false,
        };
        events
            .iter()
            .filter(|event| bad(event))
            .map(|event| event["params"].to_string())
            .collect()
    }
}

fn base64(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for c in text.bytes() {
        let value = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => break,
        };
        (bits, count) = ((bits << 6 | u32::from(value)) & 0xff_ffff, count + 6);
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn pictures_are_read() {
        assert_eq!(base64("aGVsbG8gd29ybGQ="), b"hello world");
        assert_eq!(base64("iVBORw0K"), b"\x89PNG\r\n");
    }
}
