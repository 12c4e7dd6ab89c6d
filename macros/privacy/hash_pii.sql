{#
  With chatfuel_hash_pii, staging shows what chatfuel_pii_attributes names as a hash only, so that nothing derived from
  it holds it in clear. Without, these macros leave every column as it is.
#}

{# chatfuel_pii_attributes as kpi_rules would spell them, sorted; none if nothing is hashed. #}
{% macro hashed_attributes() %}
    {% set names = [] %}
    {% if var('chatfuel_hash_pii') %}
        {% for name in var('chatfuel_pii_attributes') %}
            {% do names.append(name | lower | replace(' ', '_')) %}
        {% endfor %}
    {% endif %}
    {{ return(names | unique | sort) }}
{% endmacro %}

{# A column of the users export for a select list: itself, or its hash under its name. #}
{% macro pii_column(column) -%}
    {%- if column in chatfuel.hashed_attributes() -%}
    {{ chatfuel.hash_pii(column) }} as {{ column }}
    {%- else -%}
    {{ column }}
    {%- endif -%}
{%- endmacro %}

{# A column that holds values of many attributes, for a select list: itself, or with the values that are hashed. #}
{% macro pii_attribute_value(attribute_name, attribute_value) -%}
    {%- set names = chatfuel.hashed_attributes() -%}
    {%- if names -%}
    case
        when {{ chatfuel.normalise_name(attribute_name) }} in ({{ chatfuel.string_literals(names) }})
            then {{ chatfuel.hash_pii(attribute_value) }}
        else {{ attribute_value }}
    end as {{ attribute_value }}
    {%- else -%}
    {{ attribute_value }}
    {%- endif -%}
{%- endmacro %}

{#
  A block as JSON, for a select list: itself, or JSON's null, as of a block that is gone, if its filter asks for a
  hashed attribute. What it asks for may be somebody's address, and SQL cannot rewrite a value deep within JSON.
  Names stand in lower case and are told apart loosely: at worst one audience more is not known.
#}
{% macro pii_filter(payload) -%}
    {%- set names = chatfuel.hashed_attributes() -%}
    {%- if names -%}
    {%- set patterns = [] -%}
    {%- for name in names -%}
        {%- set characters = [] -%}
        {%- for character in name -%}
            {%- do characters.append(character if chatfuel.consists_of(character, '') and character != '_' else '[^"]+') -%}
        {%- endfor -%}
        {%- do patterns.append(characters | join) -%}
    {%- endfor -%}
    {%- set pattern = '"name"[[:space:]]*:[[:space:]]*"(' ~ patterns | join('|') ~ ')"' -%}
    case
        when {{ chatfuel.regexp_contains('lower(' ~ payload ~ ')', dbt.string_literal(pattern)) }} then 'null'
        else {{ payload }}
    end as {{ payload }}
    {%- else -%}
    {{ payload }}
    {%- endif -%}
{%- endmacro %}

{#
  The hash of a text: sha256 of salt and text. It keeps the two forms that kpi_rules ask for, so that a rule finds in the
  hash what it would find in the text: an "@" if the text has one, and no letter if the text has none (the hash's letters
  are then written as signs). Null stays null, and an empty text, which is no value, stays empty.
#}
{% macro hash_pii(text) -%}
    {%- set salted = "concat('" ~ chatfuel.pii_salt() ~ "', " ~ text ~ ")" -%}
    {%- set hash = adapter.dispatch('sha256_hex', 'chatfuel')(salted) -%}
    case
        when {{ text }} is null or {{ text }} = '' then {{ text }}
        else concat(
            case
                when {{ chatfuel.regexp_contains(text, "'[A-Za-z]'") }} then concat('sha256:', {{ hash }})
                else translate({{ hash }}, 'abcdef', '_:;!=~')
            end,
            case when {{ chatfuel.regexp_contains(text, "'@'") }} then '@' else '' end
        )
    end
{%- endmacro %}

{#
  The salt. dbt lets no DBT_ENV_SECRET_ variable into the SQL of a model, so it is another one. It then stands in what dbt
  compiles, but not in the docs site, which is made to be passed on.
#}
{% macro pii_salt() %}
    {% if flags.WHICH == 'generate' %}
        {{ return('the salt is not shown') }}
    {% endif %}
    {% set salt = env_var('CHATFUEL_PII_SALT', '') %}
    {% if execute and (salt | length < 16 or not chatfuel.consists_of(salt, '+/=-')) %}
        {% do exceptions.raise_compiler_error(
            "chatfuel_hash_pii is on, but the environment variable CHATFUEL_PII_SALT "
            ~ ("holds no salt of 16 or more letters, digits and +/=_-" if salt else "is empty") ~ ". Without a salt anybody"
            ~ " can find out who is behind a hash. Make one with `openssl rand -hex 32`, keep it as you keep a password, and set it in every run."
        ) %}
    {% endif %}
    {{ return(salt) }}
{% endmacro %}

{# Says how values are hashed without saying the salt: another fingerprint, other values. #}
{% macro pii_fingerprint() %}
    {% set names = chatfuel.hashed_attributes() %}
    {{ return(local_md5(chatfuel.pii_salt() ~ ' ' ~ names | join(' ')) if names else 'clear text') }}
{% endmacro %}

{# Texts as a list for `in`, without the brackets. #}
{% macro string_literals(texts) -%}
    {%- for text in texts -%}
        {{ dbt.string_literal(dbt.escape_single_quotes(text)) }}{{ ", " if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
