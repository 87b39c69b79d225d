// The studio's page.

import { render } from "preact";
import "uplot/dist/uPlot.min.css";
import "./style.css";
import { App } from "./app.tsx";
import { follow } from "./state.ts";

const root = document.getElementById("studio");
if (root !== null) render(<App />, root);
void follow();
