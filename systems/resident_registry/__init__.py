"""住民記録: the register of residents, its notifications, certificates and disclosure restrictions.

Law: 住民基本台帳法 (昭和42年法律第81号), its 施行令 and 施行規則; 番号利用法 (平成25年法律第27号) for individual numbers.
Here so far: move in, out and within, birth, death, search, 住民票の写し, disclosure restriction (支援措置).
"""
