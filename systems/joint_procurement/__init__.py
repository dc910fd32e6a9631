"""共同調達: what each municipality pays of a joint cost, to the yen.

Law: 地方自治法 arts. 252-2, 252-2-2 (協議会), 252-14; formulas of the agreements of joint bodies. Here so far: the computation of
shares (負担金算定) and its report.
"""
