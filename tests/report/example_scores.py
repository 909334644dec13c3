"""Scores of a plausible run."""


def scores(psnr, ssim):
    return {
        "psnr": psnr,
        "psnr_low": psnr - 0.11,
        "psnr_high": psnr + 0.12,
        "psnr_pooled": psnr - 0.6,
        "ssim": ssim,
        "ssim_low": ssim - 0.002,
        "ssim_high": ssim + 0.002,
    }
