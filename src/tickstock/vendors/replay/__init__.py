"""A vendor on loopback that speaks the wire format of massive, with faults to order."""
