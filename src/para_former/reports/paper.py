"""The figures of the paper: Tables 1 to 4 of Wang & Li (2024), digit by digit as printed, under our names of data sets.

Top-1 test accuracies are percentages after 500 epochs (Tables 2 and 3) or 10 epochs of fine-tuning (Table 4). The
paper gives no image size, width, optimiser or seed, no spread, and does not say which epoch it reports. Nothing here is
measured by us, and nothing is corrected: what Table 1 misprints is noted beside it.
"""

SOURCE = (
    "W. Wang and Q. Li, Universal Approximation Theory: Foundations for Parallelism in Neural Networks (2024), "
    "arXiv:2407.21670"
)
EPOCHS = 500

TITLES = {
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
    "stl10": "STL-10",
    "pets": "Oxford-IIIT Pets",
    "flowers102": "Flowers-102",
}

# Table 1: sizes of the data sets.
TABLE_1 = {
    "cifar10": {"classes": 10, "train": 47500, "validation": 2500, "test": 10000, "per_class": 4750},
    "cifar100": {"classes": 100, "train": 47500, "validation": 47500, "test": 10000, "per_class": 4750},
    "stl10": {"classes": 10, "train": 4750, "validation": 250, "test": 800, "per_class": 475},
    "pets": {"classes": 37, "train": 3515, "validation": 185, "test": 3669, "per_class": 95},
    "flowers102": {"classes": 102, "train": 969, "validation": 51, "test": 6149, "per_class": 9.5},
}
MISPRINTS = {
    "cifar100": "Table 1 prints 47500 validation images, repeating the training set; 5 % of 50000 is 2500. "
    "It prints 4750 images per class; 47500 images in 100 classes are 475.",
    "stl10": "Table 1 prints 800 test images; the official test split, and the paper's own text, has 8000.",
    "pets": "Table 1 prints 3515 + 185 = 3700 training images; the official split has 3680, so 3496 + 184.",
}

# Tables 2 and 3: top-1 of networks trained from scratch, by (depth m, layers n).
TABLE_2 = {
    "cifar10": {(1, 1): 55.95, (1, 6): 64.90, (1, 12): 66.88, (1, 24): 71.53},
    "cifar100": {(1, 1): 30.67, (1, 6): 38.84, (1, 12): 41.41, (1, 24): 46.96},
    "stl10": {(1, 1): 44.41, (1, 6): 51.57, (1, 12): 55.96, (1, 24): 59.53},
    "pets": {(1, 1): 19.62, (1, 6): 20.95, (1, 12): 22.07, (1, 24): 22.73},
    "flowers102": {(1, 1): 27.33, (1, 6): 32.65, (1, 12): 37.42, (1, 24): 35.84},
}
TABLE_3 = {
    "cifar10": {(6, 6): 79.39, (2, 24): 74.75, (3, 24): 77.21, (6, 24): 79.92},
    "cifar100": {(6, 6): 55.18, (2, 24): 51.04, (3, 24): 52.65, (6, 24): 56.15},
    "stl10": {(6, 6): 62.81, (2, 24): 61.60, (3, 24): 62.75, (6, 24): 64.30},
    "pets": {(6, 6): 26.05, (2, 24): 23.65, (3, 24): 26.02, (6, 24): 25.92},
    "flowers102": {(6, 6): 37.97, (2, 24): 39.17, (3, 24): 40.12, (6, 24): 40.51},
}

# Table 4: Para-F-12-12, a ViT of one branch, fine-tuned from weights trained on ImageNet.
TABLE_4 = {"cifar10": 98.62, "cifar100": 91.36, "stl10": 99.47, "pets": 91.87, "flowers102": 96.89}

NETWORKS = (*TABLE_2["cifar10"], *TABLE_3["cifar10"])
"""(depth, layers) in the order of Tables 2 and 3"""


def trained_from_scratch(dataset: str) -> dict[tuple[int, int], float]:
    """Top-1 by (depth, layers) from Tables 2 and 3; empty for a data set that the paper does not use."""
    return {**TABLE_2.get(dataset, {}), **TABLE_3.get(dataset, {})}
