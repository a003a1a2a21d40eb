"""Training across hospitals that share weights and no scans, with NVFLARE; only this room needs the extra ``fl``."""
