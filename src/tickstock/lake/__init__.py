"""Stored day bars as Apache Iceberg tables, which other engines read.

Parquet files in a folder or a bucket, described by metadata whose place a catalog knows. A reader
has the state of one publish, whatever is published beside it; the former ones stay for a while.
"""

from tickstock.extras import require

require("pyiceberg", "sqlalchemy", "pyarrow")  # before what imports them

from tickstock.lake.catalog import open_catalog
from tickstock.lake.publish import Lakeside, Published, PublishedTable

__all__ = ["Lakeside", "Published", "PublishedTable", "open_catalog"]
