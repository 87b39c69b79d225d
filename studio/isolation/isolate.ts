// Threads on any host: where it does not send the headers that isolate the page, a service worker adds them, and the page
// loads once more.

/** At the root of the built page, so that all of the page is in its scope. */
const WORKER = "./isolation.js";
/** Set in this tab while the page loads once more: a browser that does not isolate it then is left in peace. */
const TRIED = "imago isolation";

/** Where it cannot be done (workers or storage forbidden, a frame in another page), the page computes on one thread. */
export async function isolate(): Promise<void> {
  if (!isSecureContext || parent !== window) return;
  try {
    const wasTried = sessionStorage.getItem(TRIED) !== null;
    if (crossOriginIsolated) sessionStorage.removeItem(TRIED);
    if (crossOriginIsolated || wasTried) return;
    await navigator.serviceWorker.register(WORKER);
    await navigator.serviceWorker.ready;
    // Who has begun to use the page is not disturbed: the threads come when it is loaded next.
    if (navigator.userActivation.hasBeenActive) return;
    sessionStorage.setItem(TRIED, "yes");
    location.reload();
  } catch {
    // What the browser forbids is not needed.
  }
}
