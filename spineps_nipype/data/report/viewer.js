// The viewer: NiiVue and the volumes are loaded when it is opened.
const colours = JSON.parse(document.getElementById("colours").textContent);
function load(src) {
  return new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = src; script.onload = done; script.onerror = () => failed(new Error(src + " is missing"));
    document.head.append(script);
  });
}
// Colours of the labels that a mask holds: niivue would move higher ones down to its largest label.
function tableOf(kind, mask) {
  const all = colours[kind], here = new Set(mask.img), keep = all.I.map((n, at) => at).filter((at) => !at || here.has(all.I[at]));
  const pick = (list) => keep.map((at) => list[at]);
  return { R: pick(all.R), G: pick(all.G), B: pick(all.B), I: pick(all.I), labels: pick(all.labels), A: keep.map((at) => at ? 255 : 0) };
}
async function view(button, find) {
  const { Niivue, NVImage } = window.niivue, scan = window.spinepsScans[button.dataset.key];
  button.closest("section").dataset.viewer = "opening";
  find("viewer").style.display = "block";
  const canvas = find("viewer").firstElementChild, under = find("under");
  const name = (n) => {
    const table = colours[find("mask").value], at = table.I.indexOf(n);
    under.textContent = n > 0 ? (at > 0 ? table.labels[at] : `label ${n}`) : "";
    under.style.borderColor = at > 0 ? `rgb(${table.R[at]}, ${table.G[at]}, ${table.B[at]})` : "transparent";
  };
  const nv = new Niivue({ isResizeCanvas: true, loadingText: "", show3Dcrosshair: true, crosshairWidthUnit: "mm", crosshairWidth: 0.6,
    isRadiologicalConvention: true, multiplanarShowRender: 1, multiplanarLayout: 3, sagittalNoseLeft: true,
    onLocationChange: (at) => name(Math.round(at.values[1]?.value ?? 0)) });
  await nv.attachToCanvas(canvas);
  nv.addVolume(await NVImage.loadFromBase64({ base64: scan.image, name: "image.nii.gz", colormap: "gray", cal_min: 0, cal_max: 255 }));
  const show = async () => {
    if (nv.volumes.length > 1) nv.removeVolume(nv.volumes[1]);
    const kind = find("mask").value;
    const mask = await NVImage.loadFromBase64({ base64: scan[kind], name: kind + ".nii.gz" });
    mask.setColormapLabel(tableOf(kind, mask));
    mask.opacity = Number(find("opacity").value);
    nv.addVolume(mask);
  };
  await show();
  nv.setSliceType(3);
  canvas.addEventListener("mousemove", (event) => {
    const place = canvas.getBoundingClientRect(), dpr = nv.uiData.dpr ?? 1;
    const frac = nv.canvasPos2frac([(event.clientX - place.left) * dpr, (event.clientY - place.top) * dpr]);
    const mask = nv.volumes[1];
    if (frac[0] < 0 || !mask) return name(0);
    const [x, y, z] = nv.frac2mm(frac, 0, true);
    name(Math.round(mask.getValue(...mask.mm2vox([x, y, z]))));
  });
  find("mask").addEventListener("change", show);
  find("view").addEventListener("change", (event) => nv.setSliceType(Number(event.target.value)));
  find("opacity").addEventListener("input", (event) => nv.setOpacity(1, Number(event.target.value)));
}
for (const button of document.querySelectorAll(".open")) {
  const box = button.closest("section"), find = (name) => box.querySelector("." + name);
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      if (!window.niivue) await load("assets/niivue.umd.js");
      await load(button.dataset.src);
      await view(button, find);
      box.dataset.viewer = "open";
    } catch (fault) {
      find("under").textContent = "The viewer does not work here: " + fault.message;
      button.disabled = false;
    }
  });
}
