"""For tests of programs that use TickStock, and of vendors that are added to it.

`ReplayVendor` is a server on loopback that speaks Massive's wire format, with faults to order.
`vendor_contract` is the suite that every vendor passes; only it needs pytest.
"""

from tickstock.testing.opening import open_source as open_source
from tickstock.testing.server import answering as answering
from tickstock.vendors import OpenGate as OpenGate
from tickstock.vendors.replay.faults import Fault as Fault
from tickstock.vendors.replay.faults import What as What
from tickstock.vendors.replay.server import Rate as Rate
from tickstock.vendors.replay.server import ReplayVendor as ReplayVendor
from tickstock.vendors.replay.server import serve_in_thread as serve_in_thread
