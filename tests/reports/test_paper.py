"""The paper's figures are whole, and agree with what the paper says about them where it is right."""

from para_former.reports import paper


def test_every_table_covers_every_data_set():
    for table in (paper.TABLE_1, paper.TABLE_2, paper.TABLE_3, paper.TABLE_4):
        assert list(table) == list(paper.TITLES)


def test_tables_2_and_3_together_are_the_eight_networks():
    for dataset in paper.TITLES:
        assert set(paper.trained_from_scratch(dataset)) == set(paper.NETWORKS)
        assert len(paper.TABLE_2[dataset]) == len(paper.TABLE_3[dataset]) == 4
    assert paper.trained_from_scratch("digits") == {}


def test_accuracy_grows_with_layers_except_where_the_paper_says_so():
    falls = [dataset for dataset, column in paper.TABLE_2.items() if list(column.values()) != sorted(column.values())]
    assert falls == ["flowers102"]


def test_depth_beats_depth_one_everywhere_as_section_4_3_says():
    for dataset in paper.TITLES:
        assert min(paper.TABLE_3[dataset].values()) > paper.TABLE_2[dataset][1, 24]


def test_misprints_are_printed_as_they_stand_and_noted():
    assert paper.TABLE_1["cifar100"]["validation"] == 47500
    assert paper.TABLE_1["stl10"]["test"] == 800
    assert paper.TABLE_1["pets"]["train"] + paper.TABLE_1["pets"]["validation"] == 3700
    assert set(paper.MISPRINTS) == {"cifar100", "stl10", "pets"}
