import {
  DDPMPipeline,
  DDPMScheduler,
  imageGrid,
  synthetic,
  Trainer,
  toImages,
  UNet2DModel,
  writeImage,
} from "imago";

const [out = "runs/example", steps = "300"] = process.argv.slice(2);
const model = new UNet2DModel({
  sampleSize: 32,
  layersPerBlock: 1,
  blockOutChannels: [32, 64, 96],
  downBlockTypes: ["DownBlock2D", "DownBlock2D", "AttnDownBlock2D"],
  upBlockTypes: ["AttnUpBlock2D", "UpBlock2D", "UpBlock2D"],
});
const scheduler = new DDPMScheduler({
  predictionType: "v_prediction",
  rescaleBetasZeroSnr: true,
  timestepSpacing: "trailing",
});
const data = synthetic({ size: 32, flip: true }); // or: await imageFolder("my-pictures", { size: 32 })

const trainer = new Trainer({
  model,
  scheduler,
  data,
  batchSize: 16,
  learningRate: 1e-3,
  steps: Number(steps),
  out,
});
for await (const { step, loss, imagesPerSecond } of trainer.run()) console.log(step, loss, imagesPerSecond);

const pipeline = await DDPMPipeline.fromPretrained(out);
const images = await pipeline.generate({ count: 16, seed: 42, steps: 25, scheduler: "ddim" });
await writeImage(`${out}/butterflies.png`, imageGrid(toImages(images)));
await pipeline.close();
