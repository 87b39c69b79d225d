// The config.json of a UNet so small that a step takes milliseconds.

export const TINY_UNET = {
  _class_name: "UNet2DModel",
  sample_size: 8,
  block_out_channels: [4, 8],
  layers_per_block: 1,
  norm_num_groups: 4,
  down_block_types: ["DownBlock2D", "AttnDownBlock2D"],
  up_block_types: ["AttnUpBlock2D", "UpBlock2D"],
};
