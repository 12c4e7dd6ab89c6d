{# Called where the rules are first used, once the seed is loaded: says which rule cannot be read. #}
{% macro check_kpi_rules() %}
    {% if execute and flags.WHICH in ('build', 'run') and not flags.EMPTY and model.resource_type != 'unit_test' %}
        {% set rules = ref(var('chatfuel_kpi_rules')) %}
        {% for row in run_query(
            "select kpi, attribute_name, match from " ~ rules ~ " where match not in ('equals', 'at_least', 'matches')"
        ).rows %}
            {% do exceptions.raise_compiler_error(
                var('chatfuel_kpi_rules') ~ ": the rule of '" ~ row['kpi'] ~ "' on '" ~ row['attribute_name'] ~ "' has the match '"
                ~ row['match'] ~ "'. Write equals, at_least or matches."
            ) %}
        {% endfor %}
        {% set hashed = chatfuel.hashed_attributes() %}
        {% if hashed %}
            {% for row in run_query(
                "select kpi, attribute_name, match, value from " ~ rules ~ " where attribute_name in (" ~ chatfuel.string_literals(hashed)
                ~ ") and not (match = 'matches' and value in ('@', '^[^A-Za-z]+$'))"
            ).rows %}
                {% do exceptions.raise_compiler_error(
                    var('chatfuel_kpi_rules') ~ ": the rule of '" ~ row['kpi'] ~ "' on '" ~ row['attribute_name'] ~ "' (" ~ row['match'] ~ " "
                    ~ row['value'] ~ ") cannot be judged, for the values are hashed. A hash tells whether a value has an @ (matches @)"
                    ~ " or no letters (matches ^[^A-Za-z]+$), no more. Change the rule, or take '" ~ row['attribute_name']
                    ~ "' out of chatfuel_pii_attributes."
                ) %}
            {% endfor %}
        {% endif %}
        {% set known = run_query("select distinct kpi from " ~ rules ~ " order by kpi").rows | map(attribute='kpi') | list %}
        {#- those of every bot, without a rule: users who sign up, and who block it #}
        {% for name in ['chatfuel_kpi_columns', 'chatfuel_engagement_steps', 'chatfuel_opinions'] %}
            {% for kpi in var(name) if kpi not in known + ['new_subscribers', 'blocked'] %}
                {% do exceptions.raise_compiler_error(
                    name ~ " names the KPI '" ~ kpi ~ "', and no rule of " ~ var('chatfuel_kpi_rules') ~ " counts it. Add a rule, or take it out."
                ) %}
            {% endfor %}
        {% endfor %}
        {% for kpi in known if kpi not in var('chatfuel_kpi_columns') %}
            {% do exceptions.warn(
                "The KPI '" ~ kpi ~ "' of " ~ var('chatfuel_kpi_rules') ~ " is in fct_chatfuel__daily_kpi_values, but no column of"
                ~ " rpt_chatfuel__daily_kpis shows it: add it to chatfuel_kpi_columns to see it there."
            ) %}
        {% endfor %}
    {% endif %}
{% endmacro %}
