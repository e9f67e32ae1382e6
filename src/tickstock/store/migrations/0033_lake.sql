-- additive: tables that older programs do not know
-- 0033 lake: the catalog of Iceberg tables that the stored bars are published as.
-- Where the metadata of each table lies, in the form that every SQL catalog of Iceberg (JDBC, version 1)
-- reads and writes, so that other engines find the tables here. Empty with a catalog elsewhere.
CREATE TABLE tickstock.iceberg_tables (
    catalog_name               varchar(255) NOT NULL,
    table_namespace            varchar(255) NOT NULL,
    table_name                 varchar(255) NOT NULL,
    metadata_location          varchar(1000),
    previous_metadata_location varchar(1000),
    iceberg_type               varchar(5),
    PRIMARY KEY (catalog_name, table_namespace, table_name)
);
CREATE TABLE tickstock.iceberg_namespace_properties (
    catalog_name   varchar(255) NOT NULL,
    namespace      varchar(255) NOT NULL,
    property_key   varchar(255) NOT NULL,
    property_value varchar(1000) NOT NULL,
    PRIMARY KEY (catalog_name, namespace, property_key)
);
