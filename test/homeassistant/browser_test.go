package homeassistant

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// browser is a page of a Chromium without a window, told what to do by the DevTools protocol
// (chromedevtools.github.io/devtools-protocol).
type browser struct {
	conn *websocket.Conn
	last int
}

// startBrowser starts one that keeps nothing.
func startBrowser(t *testing.T, chromium string) *browser {
	t.Helper()
	profile := t.TempDir()
	p, err := stand.Start(context.Background(), "Chromium", chromium, []string{
		"--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--lang=en-GB", "--no-first-run",
		"--disable-background-networking", "--remote-debugging-port=0", "--user-data-dir=" + profile, "about:blank",
	}, []string{"HOME=" + profile})
	must(t, err)
	t.Cleanup(p.Stop)
	var port string
	must(t, p.Await(t.Context(), "Chromium listens", func() bool {
		text, err := os.ReadFile(filepath.Join(profile, "DevToolsActivePort"))
		port, _, _ = strings.Cut(string(text), "\n")
		return err == nil && port != ""
	}))
	a := newAPI("http://127.0.0.1:" + port)
	var pages []struct {
		Type string
		URL  string `json:"webSocketDebuggerUrl"`
	}
	must(t, p.Await(t.Context(), "Chromium has a page", func() bool {
		return a.try(http.MethodGet, "/json/list", nil, &pages) == nil && len(pages) > 0 && pages[0].Type == "page"
	}))
	conn, response, err := websocket.DefaultDialer.DialContext(t.Context(), pages[0].URL, nil)
	must(t, err)
	must(t, response.Body.Close())
	t.Cleanup(func() { _ = conn.Close() })
	b := &browser{conn: conn}
	// A browser that calls itself headless is given the pages of years ago.
	var agent string
	must(t, b.evaluate("navigator.userAgent", &agent))
	b.ask(t, "Emulation.setUserAgentOverride", map[string]any{"userAgent": strings.Replace(agent, "Headless", "", 1)})
	return b
}

// do sends a command and waits for its answer; events on the way are passed over.
func (b *browser) do(method string, params any) (json.RawMessage, error) {
	b.last++
	if err := b.conn.WriteJSON(map[string]any{"id": b.last, "method": method, "params": params}); err != nil {
		return nil, err
	}
	if err := b.conn.SetReadDeadline(time.Now().Add(stand.Patience)); err != nil {
		return nil, err
	}
	for {
		var answer struct {
			ID     int
			Result json.RawMessage
			Error  struct{ Message string }
		}
		if err := b.conn.ReadJSON(&answer); err != nil {
			return nil, err
		}
		if answer.ID != b.last {
			continue
		}
		if answer.Error.Message != "" {
			return nil, errors.New(method + ": " + answer.Error.Message)
		}
		return answer.Result, nil
	}
}

func (b *browser) ask(t *testing.T, method string, params any) json.RawMessage {
	t.Helper()
	result, err := b.do(method, params)
	must(t, err)
	return result
}

// evaluate gives the value of an expression in the page.
func (b *browser) evaluate(expression string, value any) error {
	text, err := b.do("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true})
	if err != nil {
		return err
	}
	var result struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails struct{ Text string }
	}
	if err := json.Unmarshal(text, &result); err != nil {
		return err
	}
	if result.ExceptionDetails.Text != "" {
		return errors.New(result.ExceptionDetails.Text)
	}
	return json.Unmarshal(result.Result.Value, value)
}

// login has every page start as its frontend leaves it after a login.
func (b *browser) login(t *testing.T, a api) {
	t.Helper()
	tokens, err := json.Marshal(map[string]any{
		"access_token": a.token, "token_type": "Bearer", "expires_in": 1800, "hassUrl": a.url, "clientId": a.url + "/",
		"expires": time.Now().Add(time.Hour).UnixMilli(), "refresh_token": a.refreshToken,
	})
	must(t, err)
	b.ask(t, "Page.enable", map[string]any{})
	b.ask(t, "Page.addScriptToEvaluateOnNewDocument", map[string]any{
		"source": fmt.Sprintf(`localStorage.setItem("hassTokens", %q); localStorage.setItem("dockedSidebar", '"always_hidden"')`, tokens),
	})
}

// open opens a page in a window of that size.
func (b *browser) open(t *testing.T, url string, width, height int) {
	t.Helper()
	b.ask(t, "Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false})
	b.ask(t, "Page.navigate", map[string]any{"url": url})
}

// text is what stands in the page, shadow roots included, and whether it has been drawn for good: its icons
// come later, and the first screen fades away over it.
const text = `(() => {
	let text = "", drawn = !document.getElementById("ha-launch-screen");
	const walk = (node) => {
		if (node.nodeType === Node.TEXT_NODE) text += node.data + " ";
		if (["ha-icon", "ha-state-icon"].includes(node.localName) && !node.shadowRoot?.firstElementChild) drawn = false;
		if (node.localName === "ha-svg-icon" && !node.shadowRoot?.querySelector("path[d]")) drawn = false;
		if (node.localName === "style" || node.localName === "script") return;
		for (const child of node.shadowRoot?.childNodes ?? []) walk(child);
		for (const child of node.childNodes ?? []) walk(child);
	};
	walk(document.body);
	return {text, drawn};
})()`

// await waits until a page shows all of these.
func (b *browser) await(t *testing.T, words ...string) {
	t.Helper()
	var page struct {
		Text  string
		Drawn bool
	}
	shows := within(t, func() bool {
		if b.evaluate(text, &page) != nil || !page.Drawn {
			return false
		}
		for _, word := range words {
			if !strings.Contains(page.Text, word) {
				return false
			}
		}
		return true
	})
	if !shows {
		t.Fatalf("the page does not show all of %q: %.2000s", words, page.Text)
	}
	var ready bool
	must(t, b.evaluate(`document.fonts.ready.then(() => true)`, &ready))
}

// photograph writes a picture of the page.
func (b *browser) photograph(t *testing.T, path string) {
	t.Helper()
	var picture struct{ Data string }
	must(t, json.Unmarshal(b.ask(t, "Page.captureScreenshot", map[string]any{"format": "png"}), &picture))
	png, err := base64.StdEncoding.DecodeString(picture.Data)
	must(t, err)
	must(t, os.WriteFile(path, png, 0o644))
}
